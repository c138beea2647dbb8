/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>

#include "base/log.h"
#include "daemon/store/lmdb/record.h"
#include "daemon/store/shared/replica.h"
#include "daemon/store/shared/revision-id.h"
#include "daemon/store/shared/shared-key.h"
#include "daemon/store/tables/idempotency-table.h"
#include "daemon/store/tables/intent-table.h"
#include "daemon/store/tables/link-table.h"
#include "daemon/store/tables/meta-table.h"
#include "daemon/store/tables/tombstone-table.h"
#include "dbus/error.h"

#define META_REVISION "revision"
#define META_OFFSET   "revision-offset"
#define META_CLUSTER  "cluster"
#define META_LATEST   "latest-commit"
#define META_FIRST    "first-commit" /* created META_LATEST */

void replica_news_clear(ReplicaNews *news)
{
        link_list_clear(&news->added);
        link_list_clear(&news->removed);
        free(news->tenancy_id);
        *news = (ReplicaNews){};
}

int replica_get_position(Txn *txn, ReplicaPosition *ret)
{
        ReplicaPosition position = {};
        int r;

        r = meta_table_get_time(txn, META_REVISION, &position.revision);
        if (r == 0)
                r = meta_table_get_time(txn, META_OFFSET, &position.offset);
        if (r == 0)
                r = meta_table_get_time(txn, META_CLUSTER, &position.cluster);
        if (r == 0)
                r = meta_table_get_time(txn, META_LATEST, &position.latest.changed_at);
        if (r == 0)
                r = meta_table_get_time(txn, META_FIRST, &position.latest.created_at);
        if (r == 0)
                *ret = position;
        return r;
}

int replica_put_position(Txn *txn, const ReplicaPosition *position)
{
        int r;

        r = replica_put_revision(txn, position->revision);
        if (r == 0)
                r = meta_table_put_time(txn, META_OFFSET, position->offset);
        return r < 0 ? r : meta_table_put_time(txn, META_CLUSTER, position->cluster);
}

int replica_put_revision(Txn *txn, uint64_t revision)
{
        return meta_table_put_time(txn, META_REVISION, revision);
}

int replica_forget_revision(Txn *txn)
{
        int r;

        r = txn_delete(txn, DATABASE_META, string_val(META_REVISION), NULL);
        return r == -ENOENT ? 0 : r;
}

static int note_link(const Link *link, LinkList *list)
{
        Link *copy;
        int r;

        r = link_new(link->authenticator_id, link->user_id, link->platform_name,
                     link->created_at_ms, link->last_used_at_ms, &copy);
        return r < 0 ? r : link_list_push(list, copy);
}

static int set_link(Txn *txn, const SharedKey *key, const LogEvent *event, ReplicaNews *news)
{
        _cleanup_(link_freep) Link *link = NULL;
        bool added;
        int r;

        r = record_to_link_of(key->authenticator_id, event->value, event->value_len, &link);
        if (r < 0)
                return r;
        link->id = revision_id(event->created_at, 0, 0);
        r = link_table_set(txn, key->tenancy_id, link, &news->removed, &added);
        return r == 0 && added ? note_link(link, &news->added) : r;
}

static int apply_link(Txn *txn, const SharedKey *key, const LogEvent *event, ReplicaNews *news)
{
        int r;

        if (event->value)
                return set_link(txn, key, event, news);
        r = link_table_remove(txn, key->tenancy_id, key->authenticator_id, NULL, &news->removed);
        return r == ERROR_NOT_FOUND ? 0 : r;
}

/* Expired records are pruned by the store's own clock. */
static int apply_answer(Txn *txn, const SharedKey *key, const LogEvent *event)
{
        _cleanup_(idempotency_record_clear) IdempotencyRecord record = {};
        int r;

        if (!event->value)
                return 0;
        r = record_decode(&idempotency_record, event->value, event->value_len, &record);
        return r < 0 ? r : idempotency_table_set(txn, key->answer, &record);
}

static int apply_exchange(Txn *txn, const SharedKey *key, const LogEvent *event)
{
        _cleanup_(exchange_record_clear) ExchangeRecord record = {};
        int r;

        if (!event->value)
                return intent_table_remove(txn, DATABASE_INTENTS, key->id);
        r = record_decode(&exchange_record, event->value, event->value_len, &record);
        return r < 0 ? r
                     : intent_table_set_exchange(txn, key->tenancy_id, key->id, &record,
                                                 id_is_moved(key->id));
}

static int apply_delete(Txn *txn, const SharedKey *key, const LogEvent *event)
{
        _cleanup_(delete_record_clear) DeleteRecord record = {};
        int r;

        if (!event->value)
                return intent_table_remove(txn, DATABASE_DELETES, key->id);
        r = record_decode(&delete_record, event->value, event->value_len, &record);
        return r < 0 ? r : intent_table_set_delete(txn, key->tenancy_id, key->id, &record);
}

/* Each host drops old tombstones by itself. */
static int apply_tombstone(Txn *txn, const SharedKey *key, const LogEvent *event)
{
        TombstoneRecord record = {};
        int r;

        if (!event->value)
                return 0;
        r = record_decode(&tombstone_record, event->value, event->value_len, &record);
        return r < 0 ? r : tombstone_table_set(txn, key->tenancy_id, key->id, &record);
}

static int apply_history(Txn *txn, const LogEvent *event)
{
        int r;

        if (!streq(event->key, LOG_LATEST_KEY))
                return 0;
        r = meta_table_put_time(txn, META_LATEST, event->value ? event->changed_at : 0);
        return r < 0 ? r : meta_table_put_time(txn, META_FIRST, event->created_at);
}

static int apply_key(Txn *txn, const SharedKey *key, const LogEvent *event, ReplicaNews *news)
{
        switch (key->kind) {
        case SHARED_LINK:
                return apply_link(txn, key, event, news);
        case SHARED_ANSWER:
                return apply_answer(txn, key, event);
        case SHARED_EXCHANGE:
                return apply_exchange(txn, key, event);
        case SHARED_DELETE:
                return apply_delete(txn, key, event);
        case SHARED_TOMBSTONE:
                return apply_tombstone(txn, key, event);
        case SHARED_HISTORY:
                return apply_history(txn, event);
        case SHARED_USER:
        case SHARED_HOST:
        case SHARED_ALIVE:
                return 0;
        }
        return -EBADMSG;
}

/* Ids far ahead of the log would use up the ids of all hosts. */
static bool is_plausible(uint64_t revision, const LogEvent *event, const SharedKey *key)
{
        return event->created_at <= REVISION_MAX && event->changed_at <= REVISION_MAX &&
               (revision == 0 || revision_of_id(key->id) <= revision + ID_AHEAD_MAX);
}

int replica_apply(Txn *txn, uint64_t revision, const LogEvent *event, ReplicaNews *ret)
{
        _cleanup_(replica_news_clear) ReplicaNews news = {};
        _cleanup_(shared_key_clear) SharedKey key = {};
        uint64_t first_id = revision_id(revision, NO_HOST_NUMBER, 0);
        int r;

        if (txn->clock->last_id < first_id)
                txn->clock->last_id = first_id;
        r = shared_key_parse(event->key, &key);
        if (r == 0 && !is_plausible(revision, event, &key))
                r = -EBADMSG;
        if (r == 0)
                r = apply_key(txn, &key, event, &news);
        if (r == -EBADMSG) {
                log_error("Failed to read a key of the shared store, of revision %" PRIu64
                          "; skipped",
                          revision);
                return 0;
        }
        if (r < 0)
                return r;
        news.tenancy_id = TAKE_PTR(key.tenancy_id);
        *ret = TAKE(news, (ReplicaNews){});
        return 0;
}

/* Comparison */

static bool has_same_data(const Link *a, const Link *b)
{
        return a->id == b->id && streq(a->user_id, b->user_id) &&
               streq_ptr(a->platform_name, b->platform_name) &&
               a->created_at_ms == b->created_at_ms && a->last_used_at_ms == b->last_used_at_ms;
}

static int compare_with(const SharedKey *key, const LogEvent *event, const Link *own,
                        uint64_t offset, ReplicaDifference *ret)
{
        _cleanup_(link_freep) Link *link = NULL;
        int r = 0;

        if (event->value)
                r = record_to_link_of(key->authenticator_id, event->value, event->value_len, &link);
        if (r < 0)
                return r;
        if (!link || !own) {
                *ret = own ? REPLICA_EXTRA : link ? REPLICA_MISSING : REPLICA_SAME;
                return 0;
        }
        link->id = revision_id(event->created_at + offset, 0, 0);
        *ret = has_same_data(link, own) ? REPLICA_SAME : REPLICA_DIFFERENT;
        return 0;
}

int replica_compare_link(Txn *txn, const LogEvent *event, uint64_t offset, ReplicaDifference *ret)
{
        _cleanup_(shared_key_clear) SharedKey key = {};
        _cleanup_(link_freep) Link *own = NULL;
        int r;

        r = shared_key_parse(event->key, &key);
        if (r == 0 && key.kind != SHARED_LINK)
                r = -EBADMSG;
        if (r == 0)
                r = link_table_get(txn, key.tenancy_id, key.authenticator_id, &own);
        if (r == 0 || r == ERROR_NOT_FOUND)
                r = compare_with(&key, event, own, offset, ret);
        if (r != -EBADMSG)
                return r;
        *ret = REPLICA_DIFFERENT;
        return 0;
}

char *replica_link_key(const char *tenancy_id, const char *authenticator_id)
{
        return shared_key_for_link(tenancy_id, authenticator_id);
}

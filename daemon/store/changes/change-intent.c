/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Store changes of exchanges and deletes: intents and outcomes. */

#include <errno.h>

#include "base/strv.h"
#include "daemon/model/valid.h"
#include "daemon/store/changes/change.h"
#include "daemon/store/lmdb/record.h"
#include "daemon/store/tables/idempotency-table.h"
#include "daemon/store/tables/intent-table.h"
#include "daemon/store/tables/link-table.h"
#include "daemon/store/tables/tenancy-table.h"
#include "daemon/store/tables/tombstone-table.h"
#include "dbus/error.h"

static int apply_begin_exchange(StoreChange *change, Txn *txn)
{
        return intent_table_add_exchange(txn, change->tenancy_id, &change->intent,
                                         &change->made_id);
}

/* Lists the links that the delete is to remove. */
static int list_to_delete(StoreChange *change, Txn *txn)
{
        int r = 0;

        if (change->id)
                return link_table_list_by_user(txn, change->tenancy_id, change->id, &change->links);
        for (char **id = change->ids; r == 0 && id && *id; id++) {
                Link *link;

                r = link_table_get(txn, change->tenancy_id, *id, &link);
                if (r == 0)
                        r = link_list_push(&change->links, link);
                else if (r == ERROR_NOT_FOUND)
                        r = 0;
        }
        return r;
}

/* Keeps crash recovery from linking unlinked authenticators during the delete. */
static int decline_deleted(StoreChange *change, Txn *txn)
{
        int r = 0;

        if (change->id)
                return tombstone_table_add_if_open(txn, change->tenancy_id, TOMBSTONE_USER,
                                                   change->id);
        for (char **id = change->ids; r == 0 && id && *id; id++)
                r = tombstone_table_add_if_open(txn, change->tenancy_id, TOMBSTONE_AUTHENTICATOR,
                                                *id);
        return r;
}

static int apply_begin_delete(StoreChange *change, Txn *txn)
{
        DeleteIntent intent = {.endpoint = change->endpoint};
        int r;

        link_list_clear(&change->links);
        change->made_id = 0;
        r = list_to_delete(change, txn);
        if (r == 0)
                r = decline_deleted(change, txn);
        intent.links = change->links;
        if (r == 0 && change->links.n_links > 0)
                r = intent_table_add_delete(txn, change->tenancy_id, &intent, &change->made_id);
        return r;
}

static void report_begin(const StoreChange *change)
{
        change->func.begin(change->r, change->made_id, change->userdata);
}

int store_begin_exchange(Store *store, const char *tenancy_id, const ExchangeIntent *intent,
                         StoreBeginFunc func, void *userdata, StoreChange **ret)
{
        static const ChangeKind kind = {
                .apply = apply_begin_exchange, .report = report_begin, .may_be_alone = true};
        _cleanup_(change_freep) StoreChange *change = NULL;
        int r;

        if (intent->user_id && !user_id_is_valid(intent->user_id))
                return -EINVAL;
        r = change_new(tenancy_id, &kind, userdata, &change);
        if (r < 0)
                return r;
        change->func.begin = func;
        r = exchange_intent_copy(intent, &change->intent);
        return r < 0 ? r : store_queue(store, TAKE_PTR(change), ret);
}

static void report_begin_delete(const StoreChange *change)
{
        change->func.begin_delete(change->r, change->made_id, &change->links, change->userdata);
}

/* A delete revokes access: it must not fail with ENOSPC. */
int store_begin_delete(Store *store, const char *tenancy_id, const StoreDelete *request,
                       StoreBeginDeleteFunc func, void *userdata, StoreChange **ret)
{
        static const ChangeKind kind = {
                .apply = apply_begin_delete, .report = report_begin_delete, .uses_reserve = true};
        _cleanup_(change_freep) StoreChange *change = NULL;
        int r;

        for (char *const *id = request->authenticator_ids; id && *id; id++)
                if (!id_is_valid(*id))
                        return -EINVAL;
        if (request->user_id && !user_id_is_valid(request->user_id))
                return -EINVAL;
        r = change_new(tenancy_id, &kind, userdata, &change);
        if (r < 0)
                return r;
        change->func.begin_delete = func;
        change->endpoint = request->endpoint ? strdup(request->endpoint) : NULL;
        change->id = request->user_id ? strdup(request->user_id) : NULL;
        if ((request->endpoint && !change->endpoint) || (request->user_id && !change->id))
                return -ENOMEM;
        r = strv_copy(request->authenticator_ids, &change->ids);
        return r < 0 ? r : store_queue(store, TAKE_PTR(change), ret);
}

/* Adds the link, or updates its last use. */
static int add_or_touch_link(StoreChange *change, Txn *txn)
{
        int r;

        r = link_table_add(txn, change->tenancy_id, change->link, false, &change->newly_linked);
        if (r == 0 && !change->newly_linked)
                r = link_table_touch(txn, change->tenancy_id, change->link->authenticator_id,
                                     change->link->created_at_ms);
        return r;
}

/* Adds a tombstone against crash recovery. */
static int add_tombstone(StoreChange *change, Txn *txn, const char *authenticator_id)
{
        TenancyRecord tenancy;
        int r;

        r = tenancy_table_get(txn, change->tenancy_id, &tenancy);
        if (r == -ENOENT) /* an unknown tenancy has no intents */
                return 0;
        return r < 0 ? r
                     : tombstone_table_add(txn, tenancy.number, TOMBSTONE_AUTHENTICATOR,
                                           authenticator_id);
}

static int commit_link(StoreChange *change, Txn *txn)
{
        const char *declined_id = change->link ? change->link->authenticator_id : change->id;
        int outcome = change->link ? add_or_touch_link(change, txn) : 0, r = 0;

        if (outcome < 0 || (change->link && outcome == 0))
                return outcome;
        if (declined_id)
                r = add_tombstone(change, txn, declined_id);
        return r < 0 ? r : outcome;
}

static int put_idempotency_record(StoreChange *change, Txn *txn, int outcome)
{
        IdempotencyRecord kept = change->answer; /* borrowed */

        if (!change->has_key)
                return 0;
        kept.linked = change->link;
        kept.newly_linked = change->newly_linked;
        if (outcome > 0)
                kept = (IdempotencyRecord){.error = outcome};
        return idempotency_table_put(txn, change->key, &kept);
}

static int apply_exchange(StoreChange *change, Txn *txn)
{
        int outcome, r;

        r = idempotency_table_prune(txn);
        if (r < 0)
                return r;
        outcome = commit_link(change, txn);
        if (outcome < 0)
                return outcome;
        r = put_idempotency_record(change, txn, outcome);
        if (r == 0 && change->intent_id > 0)
                r = intent_table_remove(txn, DATABASE_INTENTS, change->intent_id);
        return r < 0 ? r : outcome;
}

static int copy_idempotency_record(const IdempotencyRecord *answer, IdempotencyRecord *ret)
{
        _cleanup_(record_clear) Record record = {};
        int r;

        r = record_encode(&idempotency_record, answer, &record);
        if (r < 0)
                return r;
        return record_decode(&idempotency_record, record.bytes, record.len, ret);
}

static int copy_outcome(StoreChange *change, const ExchangeOutcome *outcome)
{
        int r = 0;

        change->intent_id = outcome->intent_id;
        if (outcome->link)
                r = change_copy_link(outcome->link, &change->link);
        if (r == 0 && outcome->declined_id) {
                change->id = strdup(outcome->declined_id);
                r = change->id ? 0 : -ENOMEM;
        }
        if (r == 0 && outcome->key) {
                change->has_key = true;
                memcpy(change->key, outcome->key, IDEMPOTENCY_KEY_LEN);
                r = copy_idempotency_record(outcome->answer, &change->answer);
        }
        return r;
}

int store_commit_exchange(Store *store, const char *tenancy_id, const ExchangeOutcome *outcome,
                          StoreAddFunc func, void *userdata, StoreChange **ret)
{
        /* The code is used up: store the outcome even on a full disk, and record a declined passkey
         * so that no other exchange links it. */
        static const ChangeKind ending = {.apply = apply_exchange,
                                          .report = change_report_add,
                                          .may_be_alone = true,
                                          .uses_reserve = true};
        static const ChangeKind other = {
                .apply = apply_exchange, .report = change_report_add, .may_be_alone = true};
        bool ends = outcome->intent_id > 0 || !outcome->link;
        _cleanup_(change_freep) StoreChange *change = NULL;
        int r;

        if ((outcome->key && !outcome->answer) ||
            (outcome->declined_id && !id_is_valid(outcome->declined_id)))
                return -EINVAL;
        r = change_new(tenancy_id, ends ? &ending : &other, userdata, &change);
        if (r < 0)
                return r;
        change->func.add = func;
        r = copy_outcome(change, outcome);
        return r < 0 ? r : store_queue(store, TAKE_PTR(change), ret);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/log.h"
#include "daemon/store/shared/outbox-entry.h"
#include "daemon/store/shared/outbox.h"
#include "daemon/store/shared/replica.h"
#include "daemon/store/shared/revision-id.h"
#include "daemon/store/shared/shared-key.h"
#include "daemon/store/tables/link-table.h"
#include "daemon/store/tables/outbox-table.h"
#include "dbus/error.h"

static int put_entry(Txn *txn, uint64_t id, const OutboxEntry *entry)
{
        _cleanup_(record_clear) Record record = {};
        int r;

        if (entry->n_writes == 0)
                return outbox_table_remove(txn, id);
        r = record_encode(&outbox_record, entry, &record);
        return r < 0 ? r : outbox_table_put(txn, id, record.bytes, record.len);
}

static int decode_entry(const MDB_val *record, OutboxEntry *ret)
{
        _cleanup_(outbox_entry_clear) OutboxEntry entry = {};
        int r;

        r = record_decode(&outbox_record, record->mv_data, record->mv_size, &entry);
        if (r == 0)
                *ret = TAKE(entry, (OutboxEntry){});
        return r;
}

/* Make */

static int make_change(Txn *txn, const PlanOptions *options, StoreChange *change)
{
        _cleanup_(outbox_entry_clear) OutboxEntry entry = {};
        _cleanup_(log_batch_clear) LogBatch batch = {};
        int r;

        r = plan_alone(txn, options, change, &batch);
        if (r == 0)
                r = outbox_entry_take(&batch.changes[0], batch.marks, batch.n_marks, &entry);
        if (r < 0)
                return r;
        /* Above the ids of the change; the next one has another revision. */
        return put_entry(txn, *options->last_id + 1, &entry);
}

static int make_changes(Environment *environment, const PlanOptions *options, ChangeQueue *queue)
{
        _cleanup_(txn_end) Txn txn = {};
        StoreChange *change;
        int r;

        r = environment_begin_write(environment, &txn);
        if (r < 0)
                return r;
        STAILQ_FOREACH(change, queue, entry) {
                r = make_change(&txn, options, change);
                if (r < 0)
                        return r;
        }
        return txn_commit(&txn);
}

int outbox_make(Environment *environment, const PlanOptions *options, ChangeQueue *queue)
{
        int r;

        do {
                r = make_changes(environment, options, queue);
        } while (r == -EXFULL && (r = environment_grow(environment)) == 0);
        if (r < 0)
                (void) environment_recover(environment);
        return r;
}

int outbox_count(Environment *environment, uint64_t *ret)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        r = environment_begin_read(environment, &txn);
        return r < 0 ? r : outbox_table_count(&txn, ret);
}

/* Scan */

static void scan_write(const OutboxWrite *write, OutboxScan *scan, bool *ret_has_link)
{
        _cleanup_(shared_key_clear) SharedKey key = {};

        if (!write->value || shared_key_parse(write->key, &key) < 0)
                return;
        *ret_has_link |= key.kind == SHARED_LINK;
        for (size_t i = 0; key.kind == SHARED_EXCHANGE && i < scan->n_exchanges; i++)
                scan->found[i] |= scan->exchanges[i] == key.id;
}

int outbox_scan(Txn *txn, OutboxScan *scan)
{
        uint64_t id = 0;
        MDB_val record;
        int r;

        while ((r = outbox_table_next(txn, id, &id, &record)) == 0) {
                _cleanup_(outbox_entry_clear) OutboxEntry entry = {};
                bool has_link = false;

                r = decode_entry(&record, &entry);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < entry.n_writes; i++)
                        scan_write(&entry.writes[i], scan, &has_link);
                scan->n_links += has_link;
        }
        return r == -ENOENT ? 0 : r;
}

/* Collect */

static bool writes_key(const LogBatch *batch, const char *key)
{
        for (size_t i = 0; i < batch->n_changes; i++)
                for (size_t n = 0; n < batch->changes[i].n_writes; n++)
                        if (streq(batch->changes[i].writes[n].key, key))
                                return true;
        return false;
}

/* Whether the entry can be in the batch: etcd writes no key twice. */
static bool fits(const LogBatch *batch, const OutboxEntry *entry, size_t n_writes)
{
        if (batch->n_changes == 0)
                return true;
        if (n_writes + entry->n_writes > LOG_WRITES_MAX ||
            batch->n_changes + batch->n_marks + entry->n_writes >= LOG_BATCH_MAX)
                return false;
        for (size_t i = 0; i < entry->n_writes; i++)
                if (writes_key(batch, entry->writes[i].key))
                        return false;
        return true;
}

static int collect(Txn *txn, OutboxBatch *ret)
{
        uint64_t id = 0;
        size_t n_writes = 0;
        MDB_val record;
        int r;

        while ((r = outbox_table_next(txn, id, &id, &record)) == 0) {
                _cleanup_(outbox_entry_clear) OutboxEntry entry = {};

                r = decode_entry(&record, &entry);
                if (r == 0 && !fits(&ret->batch, &entry, n_writes))
                        return 0;
                if (r == 0)
                        r = outbox_entry_append(&entry, &ret->batch);
                if (r < 0)
                        return r;
                n_writes += entry.n_writes;
                ret->ids[ret->batch.n_changes - 1] = id;
        }
        return r == -ENOENT ? 0 : r;
}

int outbox_collect(Environment *environment, OutboxBatch *ret)
{
        OutboxBatch batch = {};
        _cleanup_(txn_end) Txn txn = {}; /* aborted */
        int r;

        r = environment_begin_write(environment, &txn);
        if (r == 0)
                r = collect(&txn, &batch);
        if (r < 0) {
                log_batch_clear(&batch.batch);
                return r;
        }
        *ret = batch;
        return 0;
}

/* Settle */

/* Whether a write has become pointless, because of what the replica has. */
static int check_write(Txn *txn, const OutboxWrite *write, bool *ret_pointless,
                       OutboxSettled *settled)
{
        _cleanup_(shared_key_clear) SharedKey key = {};
        _cleanup_(link_freep) Link *link = NULL, *wanted = NULL;
        int r;

        *ret_pointless = write->created_at != OUTBOX_ANY;
        r = shared_key_parse(write->key, &key);
        if (r < 0 || key.kind != SHARED_LINK || !write->value)
                return r == -EBADMSG ? 0 : r;
        r = link_table_get(txn, key.tenancy_id, key.authenticator_id, &link);
        if (r < 0 || (r == 0 && !link_id_is_shared(link->id))) {
                *ret_pointless = false;
                return r;
        }
        if (r == 0)
                r = record_to_link_of(key.authenticator_id, write->value, write->value_len,
                                      &wanted);
        if (r == 0 && !streq(link->user_id, wanted->user_id))
                settled->n_lost++;
        return r == ERROR_NOT_FOUND ? 0 : r;
}

static int settle_refused(Txn *txn, uint64_t id, OutboxSettled *settled)
{
        _cleanup_(outbox_entry_clear) OutboxEntry entry = {};
        uint64_t found;
        MDB_val record;
        int r;

        r = outbox_table_next(txn, id - 1, &found, &record);
        if (r < 0 || found != id)
                return r == -ENOENT ? 0 : r;
        r = decode_entry(&record, &entry);
        for (size_t i = 0; r == 0 && i < entry.n_writes;) {
                bool is_pointless;

                r = check_write(txn, &entry.writes[i], &is_pointless, settled);
                if (r == 0 && is_pointless) {
                        outbox_entry_drop(&entry, i);
                        settled->has_changed = true;
                } else {
                        i++;
                }
        }
        return r < 0 ? r : put_entry(txn, id, &entry);
}

static int settle(Environment *environment, const uint64_t *ids, const bool *done, size_t n,
                  OutboxSettled *ret)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        *ret = (OutboxSettled){};
        r = environment_begin_write(environment, &txn);
        for (size_t i = 0; r == 0 && i < n; i++) {
                ret->has_changed |= done[i];
                r = done[i] ? outbox_table_remove(&txn, ids[i]) : settle_refused(&txn, ids[i], ret);
        }
        return r < 0 ? r : txn_commit(&txn);
}

int outbox_settle(Environment *environment, const uint64_t *ids, const bool *done, size_t n,
                  OutboxSettled *ret)
{
        int r;

        do {
                r = settle(environment, ids, done, n, ret);
        } while (r == -EXFULL && (r = environment_grow(environment)) == 0);
        return r;
}

/* Copy */

/* The link of another host comes first. */
static int copy_link(Txn *txn, const SharedKey *key, const OutboxWrite *write, uint64_t id)
{
        _cleanup_(link_list_clear) LinkList removed = {};
        _cleanup_(link_freep) Link *link = NULL, *other = NULL;
        bool added;
        int r;

        r = link_table_get(txn, key->tenancy_id, key->authenticator_id, &other);
        if (r != ERROR_NOT_FOUND)
                return r;
        r = record_to_link_of(key->authenticator_id, write->value, write->value_len, &link);
        if (r < 0)
                return r;
        link->id = id;
        return link_table_set(txn, key->tenancy_id, link, &removed, &added);
}

static int copy_write(Txn *txn, const OutboxWrite *write, uint64_t id)
{
        _cleanup_(replica_news_clear) ReplicaNews news = {};
        _cleanup_(shared_key_clear) SharedKey key = {};
        const LogEvent event = {
                .key = write->key, .value = write->value, .value_len = write->value_len};
        int r;

        r = shared_key_parse(write->key, &key);
        if (r < 0)
                return r == -EBADMSG ? 0 : r;
        if (key.kind == SHARED_LINK && write->value)
                return copy_link(txn, &key, write, id);
        return key.kind == SHARED_LINK ? 0 : replica_apply(txn, 0, &event, &news);
}

static int copy_entry(Txn *to, uint64_t id, const MDB_val *record)
{
        _cleanup_(outbox_entry_clear) OutboxEntry entry = {};
        int r;

        r = decode_entry(record, &entry);
        for (size_t i = 0; r == 0 && i < entry.n_writes; i++)
                r = copy_write(to, &entry.writes[i], id);
        return r < 0 ? r : outbox_table_put(to, id, record->mv_data, record->mv_size);
}

static int copy_entries(Environment *from, Environment *to)
{
        _cleanup_(txn_end) Txn source = {}, target = {};
        uint64_t id = 0;
        MDB_val record;
        int r;

        r = environment_begin_write(to, &target);
        if (r == 0)
                r = environment_begin_write(from, &source); /* of this thread; aborted */
        while (r == 0 && (r = outbox_table_next(&source, id, &id, &record)) == 0)
                r = copy_entry(&target, id, &record);
        return r < 0 && r != -ENOENT ? r : txn_commit(&target);
}

int outbox_copy(Environment *from, Environment *to)
{
        int r;

        do {
                r = copy_entries(from, to);
        } while (r == -EXFULL && (r = environment_grow(to)) == 0);
        return r;
}

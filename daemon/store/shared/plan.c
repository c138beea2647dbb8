/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/store/lmdb/record.h"
#include "daemon/store/shared/plan.h"
#include "daemon/store/shared/restore-record.h"
#include "daemon/store/shared/revision-id.h"
#include "daemon/store/shared/shared-key.h"
#include "daemon/store/tables/tenancy-table.h"
#include "dbus/error.h"

/* The plan of one batch. */
typedef struct Plan {
        Txn txn;
        const PlanOptions *options;
        LogBatch batch;
        size_t n_writes;
        size_t n_largest; /* conditions or writes of the largest change */
} Plan;

static void plan_clear(Plan *plan)
{
        txn_end(&plan->txn);
        log_batch_clear(&plan->batch);
}

/* Keys of entries */

static int link_of_entry(const Access *entry, Link **ret)
{
        const uint8_t *record = entry->old ? entry->old : entry->value;
        size_t len = entry->old ? entry->old_len : entry->value_len;
        _cleanup_(freep) char *id = NULL;
        Link *link;
        int r;

        if (record)
                return record_to_link(entry->key, entry->key_len, record, len, ret);
        /* Only a key, of a link that does not exist. */
        r = key_parse_link(entry->key, entry->key_len, &id);
        if (r < 0)
                return r;
        link = calloc(1, sizeof(Link));
        if (!link)
                return -ENOMEM;
        link->authenticator_id = TAKE_PTR(id);
        *ret = link;
        return 0;
}

static SharedKind kind_of(Database database)
{
        switch (database) {
        case DATABASE_INTENTS:
                return SHARED_EXCHANGE;
        case DATABASE_DELETES:
                return SHARED_DELETE;
        default:
                return SHARED_TOMBSTONE;
        }
}

static int key_of_entry(const Access *entry, const char *tenancy_id, char **ret,
                        uint64_t *ret_created_at)
{
        _cleanup_(link_freep) Link *link = NULL;
        uint64_t id;
        int r = 0;

        *ret_created_at = 0;
        switch (entry->database) {
        case DATABASE_LINKS:
                r = link_of_entry(entry, &link);
                if (r < 0)
                        return r;
                *ret_created_at = entry->existed ? revision_of_id(link->id) : 0;
                *ret = shared_key_for_link(tenancy_id, link->authenticator_id);
                break;
        case DATABASE_IDEMPOTENCY:
                *ret = shared_key_for_answer(entry->key);
                break;
        case DATABASE_USERS:
                *ret = shared_key_for_user(tenancy_id, entry->key + KEY_TENANCY_LEN);
                break;
        default:
                r = key_parse_id(entry->key, entry->key_len, &id);
                if (r < 0)
                        return r;
                *ret = shared_key_for_id(kind_of(entry->database), tenancy_id, id);
        }
        return *ret ? 0 : -ENOMEM;
}

/* Values of entries */

static int encode_value(const RecordType *type, const void *object, uint8_t **ret, size_t *ret_len)
{
        Record record = {};
        int r;

        r = record_encode(type, object, &record);
        if (r < 0)
                return r;
        *ret = record.bytes;
        *ret_len = record.len;
        return 0;
}

/* Other hosts have other numbers of tenancies. */
static int exchange_without_number(const Access *entry, uint8_t **ret, size_t *ret_len)
{
        _cleanup_(exchange_record_clear) ExchangeRecord record = {};
        int r;

        r = record_decode(&exchange_record, entry->value, entry->value_len, &record);
        record.tenancy = 0;
        return r < 0 ? r : encode_value(&exchange_record, &record, ret, ret_len);
}

static int delete_without_number(const Access *entry, uint8_t **ret, size_t *ret_len)
{
        _cleanup_(delete_record_clear) DeleteRecord record = {};
        int r;

        r = record_decode(&delete_record, entry->value, entry->value_len, &record);
        record.tenancy = 0;
        return r < 0 ? r : encode_value(&delete_record, &record, ret, ret_len);
}

static int tombstone_without_number(const Access *entry, uint8_t **ret, size_t *ret_len)
{
        TombstoneRecord record = {};
        int r;

        r = record_decode(&tombstone_record, entry->value, entry->value_len, &record);
        record.tenancy = 0;
        return r < 0 ? r : encode_value(&tombstone_record, &record, ret, ret_len);
}

static int copy_value(const Access *entry, uint8_t **ret, size_t *ret_len)
{
        *ret = malloc(entry->value_len + 1);
        if (!*ret)
                return -ENOMEM;
        memcpy(*ret, entry->value, entry->value_len);
        *ret_len = entry->value_len;
        return 0;
}

static int value_of_entry(const Access *entry, uint8_t **ret, size_t *ret_len)
{
        if (!entry->value)
                return 0;
        switch (entry->database) {
        case DATABASE_INTENTS:
                return exchange_without_number(entry, ret, ret_len);
        case DATABASE_DELETES:
                return delete_without_number(entry, ret, ret_len);
        case DATABASE_TOMBSTONES:
                return tombstone_without_number(entry, ret, ret_len);
        default:
                return copy_value(entry, ret, ret_len);
        }
}

/* Changes of the log */

/* Each host removes its old tombstones and idempotency records by itself. */
static bool is_pruning(const Access *entry)
{
        return entry->written && !entry->value &&
               (entry->database == DATABASE_IDEMPOTENCY || entry->database == DATABASE_TOMBSTONES);
}

/* The links of a user: no other host may have added one. A removal needs no such condition. */
static int add_user(Plan *plan, LogChange *change, const Access *entry, const char *key)
{
        bool adds = entry->written && entry->value;
        int r;

        if (entry->written && !adds && entry->existed)
                return 0;
        r = log_change_add_condition(change, LOG_UNCHANGED_SINCE, strdup(key),
                                     plan->options->revision);
        return r < 0 || !adds ? r : log_batch_add_mark(&plan->batch, key);
}

static int add_condition(LogChange *change, const Access *entry, const char *key,
                         uint64_t created_at)
{
        if (!entry->existed || entry->database == DATABASE_LINKS)
                return log_change_add_condition(change, LOG_CREATED_AT, strdup(key), created_at);
        /* The answer to a retry may be replaced. */
        if (entry->database == DATABASE_IDEMPOTENCY)
                return 0;
        return log_change_add_condition(change, LOG_EXISTS, strdup(key), 0);
}

static int add_entry(Plan *plan, LogChange *change, const char *tenancy_id, const Access *entry)
{
        _cleanup_(freep) char *key = NULL;
        uint8_t *value = NULL;
        uint64_t created_at;
        size_t value_len = 0;
        int r;

        if (is_pruning(entry))
                return 0;
        if (entry->database == DATABASE_TOMBSTONES && entry->key_len == 0)
                return log_change_add_condition(change, LOG_ALL_UNCHANGED_SINCE,
                                                strdup(SHARED_KEYS_TOMBSTONES),
                                                plan->options->revision);
        r = key_of_entry(entry, tenancy_id, &key, &created_at);
        if (r < 0)
                return r;
        if (entry->database == DATABASE_USERS)
                return add_user(plan, change, entry, key);
        r = add_condition(change, entry, key, created_at);
        if (r < 0 || !entry->written || (!entry->existed && !entry->value))
                return r;
        r = value_of_entry(entry, &value, &value_len);
        return r < 0 ? r
                     : log_change_add_write(change, TAKE_PTR(key), value, value_len,
                                            entry->database == DATABASE_IDEMPOTENCY);
}

static int add_entries(Plan *plan, LogChange *change, const char *tenancy_id,
                       const AccessSet *accesses)
{
        int r = accesses->error;

        for (size_t i = 0; r == 0 && i < accesses->n_entries; i++)
                r = add_entry(plan, change, tenancy_id, &accesses->entries[i]);
        return r;
}

static bool writes_key(const LogChange *change, const char *key)
{
        for (size_t i = 0; i < change->n_writes; i++)
                if (streq(change->writes[i].key, key))
                        return true;
        return false;
}

/* Whether one of the changes writes a key that the other reads or writes. */
static bool changes_meet(const LogChange *a, const LogChange *b)
{
        for (size_t i = 0; i < b->n_conditions; i++)
                if (writes_key(a, b->conditions[i].key))
                        return true;
        for (size_t i = 0; i < b->n_writes; i++)
                if (writes_key(a, b->writes[i].key))
                        return true;
        for (size_t i = 0; i < a->n_conditions; i++)
                if (writes_key(b, a->conditions[i].key))
                        return true;
        return false;
}

static size_t size_of(const LogChange *change)
{
        return change->n_conditions > change->n_writes ? change->n_conditions : change->n_writes;
}

/* The marks of the change are in the batch already. */
static bool fits(const Plan *plan, const LogChange *change)
{
        size_t n_items = plan->batch.n_changes + 1 + plan->batch.n_marks,
               n_largest = size_of(change);

        if (n_largest < plan->n_largest)
                n_largest = plan->n_largest;
        if (n_items > LOG_BATCH_MAX || n_items + n_largest > LOG_OPS_MAX ||
            plan->n_writes + change->n_writes > LOG_WRITES_MAX)
                return false;
        for (size_t i = 0; i < plan->batch.n_changes; i++)
                if (changes_meet(&plan->batch.changes[i], change))
                        return false;
        return true;
}

static int append(Plan *plan, LogChange *change)
{
        LogChange *changes =
                reallocarray(plan->batch.changes, plan->batch.n_changes + 1, sizeof(LogChange));

        if (!changes)
                return -ENOMEM;
        plan->batch.changes = changes;
        plan->n_writes += change->n_writes;
        if (size_of(change) > plan->n_largest)
                plan->n_largest = size_of(change);
        changes[plan->batch.n_changes++] = TAKE(*change, (LogChange){});
        return 0;
}

/* Links changed by one step of a change, which is repeated for the next ones. */
#define STEP_LINKS 40U

/* A tenancy that is new here may have links elsewhere: its keys must be noted. */
static int ensure_tenancy(Txn *txn, const char *tenancy_id)
{
        TenancyRecord tenancy;
        int r;

        r = tenancy_table_get_or_new(txn, tenancy_id, &tenancy);
        return r < 0 ? r : tenancy_table_put(txn, tenancy_id, &tenancy);
}

/* Applies the change, and gets what it read and wrote. */
static int try_change(Plan *plan, StoreChange *change, LogChange *ret)
{
        _cleanup_(access_set_clear) AccessSet accesses = {};
        int r;

        r = ensure_tenancy(&plan->txn, change->tenancy_id);
        if (r < 0)
                return r;
        change->limit = STEP_LINKS;
        change->own_host = plan->options->host;
        plan->txn.accesses = &accesses;
        r = change_apply(change, &plan->txn);
        plan->txn.accesses = NULL;
        if (r == 0 && id_is_moved(plan->txn.clock->last_id)) /* too many ids */
                r = -EMSGSIZE;
        if (r == 0)
                r = add_entries(plan, ret, change->tenancy_id, &accesses);
        if (r == 0 && change->takes_over)
                r = log_change_add_condition(ret, LOG_CREATED_AT,
                                             shared_key_for_alive(change->host), 0);
        if (r == 0 && change->is_push_back)
                r = log_change_add_condition(ret, LOG_UNCHANGED_SINCE, strdup(RESTORE_RECORD_KEY),
                                             plan->options->revision);
        return r;
}

/* Returns 1 if the change has to wait for the next batch, else 0 or a negative errno. */
static int plan_change(Plan *plan, StoreChange *change)
{
        _cleanup_(log_change_clear) LogChange planned = {};
        size_t n_marks = plan->batch.n_marks;
        int r;

        r = try_change(plan, change, &planned);
        if (r == 0 && fits(plan, &planned))
                return append(plan, &planned);
        log_batch_drop_marks(&plan->batch, n_marks);
        if (r < 0)
                return r;
        return plan->batch.n_changes > 0 ? 1 : -EMSGSIZE;
}

static void queue_pop_to(ChangeQueue *queue, ChangeQueue *to)
{
        StoreChange *change = change_queue_pop(queue);

        STAILQ_INSERT_TAIL(to, change, entry);
}

/* Needs a transaction of its own, and no commit. Returns like plan_change(). */
static int plan_dry_run(Plan *plan, StoreChange *change)
{
        if (plan->batch.n_changes > 0)
                return 1;
        change->limit = 0;
        return change_apply(change, &plan->txn);
}

static uint64_t max(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

/* The first id of this batch: above all that this host has given, also in earlier processes, whose
 * ids are in the replica. */
static uint64_t first_id(const PlanOptions *options, const StoreClock *clock)
{
        uint64_t last = revision_of_id(*options->last_id), known = revision_of_id(clock->last_id);

        if (known <= options->revision + ID_AHEAD_MAX)
                last = max(last, known);
        return revision_id(max(last, options->revision) + 1, options->host, 0);
}

int plan_batch(Environment *environment, const PlanOptions *options, ChangeQueue *queue,
               ChangeQueue *planned, ChangeQueue *ended, LogBatch *ret)
{
        _cleanup_(plan_clear) Plan plan = {.options = options};
        StoreClock clock;
        StoreChange *change;
        int r;

        assert(STAILQ_FIRST(queue));
        r = environment_begin_write(environment, &plan.txn);
        if (r < 0)
                return r;
        clock = *plan.txn.clock;
        clock.last_id = first_id(options, &clock);
        if (*options->first_id == 0)
                *options->first_id = clock.last_id;
        plan.txn.clock = &clock;
        while ((change = STAILQ_FIRST(queue))) {
                r = change->dry_run ? plan_dry_run(&plan, change) : plan_change(&plan, change);
                if (r > 0)
                        break;
                if (r < 0 && plan.batch.n_changes > 0) /* the transaction is unusable */
                        break;
                if (r == -EXFULL)
                        return r;
                if (r < 0) {
                        change_fail(change, store_error_from_errno(r));
                        queue_pop_to(queue, ended);
                        break;
                }
                if (change->dry_run) {
                        queue_pop_to(queue, ended);
                        break;
                }
                queue_pop_to(queue, planned);
        }
        *options->last_id = clock.last_id;
        *ret = TAKE(plan.batch, (LogBatch){});
        return 0;
}

int plan_alone(Txn *txn, const PlanOptions *options, StoreChange *change, LogBatch *ret)
{
        Plan plan = {.txn = *txn /* lent */, .options = options};
        StoreClock clock = *txn->clock;
        LogChange planned = {};
        int r;

        clock.last_id = first_id(options, &clock);
        if (*options->first_id == 0)
                *options->first_id = clock.last_id;
        plan.txn.clock = &clock;
        r = try_change(&plan, change, &planned);
        if (r == 0)
                r = append(&plan, &planned);
        *options->last_id = clock.last_id;
        if (r < 0) {
                log_change_clear(&planned);
                log_batch_clear(&plan.batch);
                return r;
        }
        *ret = plan.batch;
        return 0;
}

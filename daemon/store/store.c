/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/metrics/histogram.h"
#include "daemon/metrics/outcome.h"
#include "daemon/model/valid.h"
#include "daemon/store/engines/engine-local.h"
#include "daemon/store/engines/engine-shared.h"
#include "daemon/store/lmdb/store-failure.h"
#include "daemon/store/shared/revision-id.h"
#include "daemon/store/store-shared.h"
#include "daemon/store/store.h"
#include "daemon/store/tables/idempotency-table.h"
#include "daemon/store/tables/intent-table.h"
#include "daemon/store/tables/link-table.h"
#include "daemon/store/tables/tenancy-table.h"
#include "dbus/error.h"

/* Format of a cursor: this prefix and the last authenticator id of the page. */
#define CURSOR_PREFIX "after:"

struct Store {
        Environment *environment;
        Engine *engine;
        ChangeQueue ended;         /* completed, not reported yet */
        StoreFailure last_failure; /* of reads */
        OutcomeCounts outcomes;    /* of changes */
        Histogram durations;
};

/* Makes an engine for the environment. */
typedef int (*EngineFunc)(Environment *environment, void *userdata, Engine **ret);

static int open_store(const char *directory, bool or_later, EngineFunc new_engine, void *userdata,
                      Store **ret)
{
        _cleanup_(store_freep) Store *store = calloc(1, sizeof(Store));
        int r;

        if (!store)
                return -ENOMEM;
        STAILQ_INIT(&store->ended);
        r = environment_new(directory, or_later, &store->environment);
        if (r < 0)
                return r;
        r = new_engine(store->environment, userdata, &store->engine);
        if (r < 0) {
                log_error("Failed to start the engine of the store: %s", strerror(-r));
                return r;
        }
        *ret = TAKE_PTR(store);
        return 0;
}

static int new_local(Environment *environment, void *userdata _unused_, Engine **ret)
{
        return engine_local_new(environment, ret);
}

int store_open(const char *directory, Store **ret)
{
        return open_store(directory, false, new_local, NULL, ret);
}

int store_open_later(const char *directory, Store **ret)
{
        return open_store(directory, true, new_local, NULL, ret);
}

static int new_shared(Environment *environment, void *userdata, Engine **ret)
{
        const StoreSharedOptions *options = userdata;
        EngineSharedOptions engine = {
                .environment = environment,
                .log = options->log,
                .may_be_alone = options->may_be_alone,
                .has_left = options->has_left,
                .changed = options->changed,
                .loaded = options->loaded,
                .restored = options->restored,
                .away = options->away,
                .userdata = options->userdata,
        };

        return engine_shared_new(&engine, ret);
}

int store_open_shared(const char *directory, const StoreSharedOptions *options, Store **ret)
{
        StoreSharedOptions copy = *options;

        return open_store(directory, true, new_shared, &copy, ret);
}

uint64_t store_outbox(Store *store)
{
        const EngineClass *class = store->engine->class;

        return class->outbox ? class->outbox(store->engine) : 0;
}

void store_shared_set_may_be_alone(Store *store, bool may_be_alone)
{
        engine_shared_set_may_be_alone(store->engine, may_be_alone);
}

void store_shared_get_status(Store *store, ReplicaStatus *ret)
{
        engine_shared_get_status(store->engine, ret);
        ret->n_unconfirmed = store_n_unconfirmed(store);
}

/* Maps the result of a read for the caller; records an I/O failure. */
static int store_end(Store *store, int r)
{
        int outcome = store_error_from_errno(r);

        if (r < 0 && outcome > 0)
                store_failure_record(&store->last_failure, r);
        return outcome;
}

int store_shared_leave(Store *store, const char *state_directory, const char *mark,
                       const struct AuditOrigin *origin, StoreLeaveFunc func, void *userdata,
                       StoreLeaving **ret)
{
        const LeaveOptions options = {
                .state_directory = state_directory, .mark = mark, .origin = origin};

        return leave_start(store->engine, &options, func, userdata, ret);
}

StoreLeaving *store_shared_leave_forget(StoreLeaving *leaving)
{
        return leave_forget(leaving);
}

int store_shared_preview_leave(Store *store, StoreLeave *ret)
{
        return store_end(store, leave_preview(store->engine, ret));
}

int store_clean_leave(const char *state_directory, const char *mark)
{
        return leave_clean(state_directory, mark);
}

int store_remove_replica(const char *directory)
{
        return leave_remove_replica(directory);
}

bool store_has_reserve(Store *store)
{
        return environment_had_reserve(store->environment);
}

bool store_is_shared(const Store *store)
{
        return store->engine->class->is_elsewhere;
}

static uint64_t size_of_file(const Store *store)
{
        _cleanup_(freep) char *path = NULL;
        struct stat st;

        if (asprintf(&path, "%s/data.mdb", environment_directory(store->environment)) < 0)
                return 0;
        return stat(path, &st) < 0 ? 0 : (uint64_t) st.st_size;
}

void store_report(Store *store, MetricsReport *report)
{
        const char *labels[METRIC_LABELS_MAX] = {};

        metrics_report_add(report, METRIC_STORE_OPEN, store_error(store) == 0);
        metrics_report_add(report, METRIC_STORE_RESERVE, store_has_reserve(store));
        metrics_report_add(report, METRIC_STORE_SIZE, size_of_file(store));
        histogram_report(&store->durations, report, METRIC_STORE_DURATION, labels);
        outcome_counts_report(&store->outcomes, report, METRIC_STORE_CHANGES, labels, 0);
}

int store_error(Store *store)
{
        return environment_error(store->environment);
}

Store *store_free(Store *store)
{
        if (!store)
                return NULL;
        engine_free(store->engine);
        environment_free(store->environment);
        change_queue_clear(&store->ended);
        free(store);
        return NULL;
}

void store_release_memory(Store *store)
{
        store->engine->class->release_memory(store->engine);
}

int store_get_fd(Store *store)
{
        return store->engine->class->get_fd(store->engine);
}

/* Without barriers, which change nothing. */
static void count_change(Store *store, const StoreChange *change)
{
        if (!change->tenancy_id)
                return;
        outcome_counts_add(&store->outcomes, change->r);
        histogram_add(&store->durations, monotonic_us() - change->queued_at_us);
}

bool store_dispatch(Store *store)
{
        StoreChange *change = change_queue_pop(&store->ended);

        if (!change) {
                store->engine->class->collect(store->engine, &store->ended);
                change = change_queue_pop(&store->ended);
        }
        if (!change)
                return false;
        count_change(store, change);
        change_report(change);
        change_free(change);
        return true;
}

/* Returns 0, a negative errno or STORE_FAILED. */
static int begin_read(Store *store, Txn *ret)
{
        const EngineClass *class = store->engine->class;
        int r;

        r = class->is_readable ? class->is_readable(store->engine) : 0;
        return r != 0 ? r : environment_begin_read(store->environment, ret);
}

/* Whether LMDB takes the id as a key. Other invalid ids are not in the store. */
static bool is_within(const char *id, size_t len_max)
{
        size_t len = strnlen(id, len_max + 1);

        return len > 0 && len <= len_max;
}

int store_get_link(Store *store, const char *tenancy_id, const char *authenticator_id, Link **ret)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        if (!is_within(tenancy_id, TENANCY_ID_LEN_MAX) ||
            !is_within(authenticator_id, PASSKEY_ID_LEN_MAX))
                return -EINVAL;
        r = begin_read(store, &txn);
        if (r == 0)
                r = link_table_get(&txn, tenancy_id, authenticator_id, ret);
        return store_end(store, r);
}

int store_list_by_user(Store *store, const char *tenancy_id, const char *user_id, LinkList *ret)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        if (!tenancy_id_is_valid(tenancy_id) || !user_id_is_valid(user_id))
                return -EINVAL;
        r = begin_read(store, &txn);
        if (r == 0)
                r = link_table_list_by_user(&txn, tenancy_id, user_id, ret);
        return store_end(store, r);
}

static ConfirmationList *confirmations(Store *store)
{
        const EngineClass *class = store->engine->class;

        return class->confirmations ? class->confirmations(store->engine) : NULL;
}

bool store_confirm_no_link(Store *store, const char *tenancy_id, const char *authenticator_id,
                           StoreConfirmFunc func, void *userdata, StoreConfirmation **ret)
{
        ConfirmationList *list = confirmations(store);

        return list &&
               confirmation_of_link(list, tenancy_id, authenticator_id, func, userdata, ret);
}

bool store_confirm_no_links_of_user(Store *store, const char *tenancy_id, const char *user_id,
                                    StoreConfirmFunc func, void *userdata, StoreConfirmation **ret)
{
        ConfirmationList *list = confirmations(store);

        return list && confirmation_of_user(list, tenancy_id, user_id, func, userdata, ret);
}

uint64_t store_n_unconfirmed(Store *store)
{
        const ConfirmationList *list = confirmations(store);

        return list ? list->n_failed : 0;
}

/* The id in a cursor; NULL if malformed. */
static const char *cursor_parse(const char *cursor)
{
        size_t len = strlen(CURSOR_PREFIX);

        if (strncmp(cursor, CURSOR_PREFIX, len) != 0 || !id_is_valid(cursor + len))
                return NULL;
        return cursor + len;
}

static int cursor_new(const LinkList *page, char **ret)
{
        char *cursor;

        if (asprintf(&cursor, CURSOR_PREFIX "%s",
                     page->links[page->n_links - 1]->authenticator_id) < 0)
                return -ENOMEM;
        *ret = cursor;
        return 0;
}

int store_list(Store *store, const char *tenancy_id, const char *cursor, size_t limit,
               size_t max_bytes, LinkList *ret, char **ret_next_cursor)
{
        _cleanup_(txn_end) Txn txn = {};
        _cleanup_(link_list_clear) LinkList list = {};
        const char *after = cursor ? cursor_parse(cursor) : NULL;
        char *next_cursor = NULL;
        bool more;
        int r;

        if (!tenancy_id_is_valid(tenancy_id))
                return -EINVAL;
        if (cursor && !after)
                return ERROR_INVALID_ARGS;
        if (limit == 0 || limit > STORE_LIST_LIMIT_MAX)
                limit = STORE_LIST_LIMIT_MAX;

        r = begin_read(store, &txn);
        if (r == 0)
                r = link_table_list(&txn, tenancy_id, after, limit, max_bytes, &list, &more);
        if (r == 0 && more)
                r = cursor_new(&list, &next_cursor);
        if (r != 0)
                return store_end(store, r);

        *ret = TAKE(list, (LinkList){});
        *ret_next_cursor = next_cursor;
        return 0;
}

int store_list_tenancies(Store *store, char ***ret)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        r = begin_read(store, &txn);
        if (r == 0)
                r = tenancy_table_list(&txn, ret);
        return store_end(store, r);
}

int store_count(Store *store, const char *tenancy_id, uint64_t *ret)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        if (!tenancy_id_is_valid(tenancy_id))
                return -EINVAL;
        r = begin_read(store, &txn);
        if (r == 0)
                r = link_table_count(&txn, tenancy_id, ret);
        return store_end(store, r);
}

int store_get_idempotency_record(Store *store, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                                 IdempotencyRecord *ret)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        r = begin_read(store, &txn);
        if (r == 0)
                r = idempotency_table_get(&txn, key, ret);
        return store_end(store, r);
}

int store_shared_compare(Store *store, const LogEvent *event, ReplicaDifference *ret)
{
        _cleanup_(txn_end) Txn txn = {};
        ReplicaStatus status;
        int r;

        engine_shared_get_status(store->engine, &status);
        r = begin_read(store, &txn);
        if (r == 0)
                r = replica_compare_link(&txn, event, status.offset, ret);
        return store_end(store, r);
}

char *store_shared_key(const char *tenancy_id, const char *authenticator_id)
{
        return replica_link_key(tenancy_id, authenticator_id);
}

/* Ids of intents of earlier processes are below this one; or is_left() tells. */
static uint64_t end_of_left_ids(const Store *store)
{
        return store->engine->class->is_left ? UINT64_MAX
                                             : environment_first_id(store->environment);
}

static bool is_left(const Store *store, uint64_t id)
{
        const EngineClass *class = store->engine->class;

        return !class->is_left || class->is_left(store->engine, id);
}

int store_list_exchanges(Store *store, const char *tenancy_id, ExchangeIntentList *ret)
{
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList all = {}, left = {};
        uint64_t end = end_of_left_ids(store); /* takes the lock of a transaction */
        _cleanup_(txn_end) Txn txn = {};
        int r;

        if (!tenancy_id_is_valid(tenancy_id))
                return -EINVAL;
        r = begin_read(store, &txn);
        if (r == 0)
                r = intent_table_list_exchanges(&txn, tenancy_id, end, &all);
        for (size_t i = 0; r == 0 && i < all.n_intents; i++)
                if (is_left(store, all.intents[i].id))
                        r = exchange_intent_list_push(&left, &all.intents[i]);
        if (r == 0)
                *ret = TAKE(left, (ExchangeIntentList){});
        return store_end(store, r);
}

int store_has_exchange_elsewhere(Store *store, const char *tenancy_id,
                                 const uint8_t key[static IDEMPOTENCY_KEY_LEN], bool *ret)
{
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList all = {};
        const EngineClass *class = store->engine->class;
        _cleanup_(txn_end) Txn txn = {};
        bool found = false;
        int r;

        if (!tenancy_id_is_valid(tenancy_id))
                return -EINVAL;
        r = class->is_elsewhere ? begin_read(store, &txn) : 0;
        if (r == 0 && class->is_elsewhere)
                r = intent_table_list_exchanges(&txn, tenancy_id, UINT64_MAX, &all);
        if (r != 0)
                return store_end(store, r);
        for (size_t i = 0; i < all.n_intents; i++) {
                const ExchangeIntent *intent = &all.intents[i];

                found |= intent->has_key && memcmp(intent->key, key, IDEMPOTENCY_KEY_LEN) == 0 &&
                         class->is_elsewhere(store->engine, intent->id);
        }
        *ret = found;
        return 0;
}

int store_list_deletes(Store *store, const char *tenancy_id, DeleteIntentList *ret)
{
        _cleanup_(delete_intent_list_clear) DeleteIntentList all = {}, left = {};
        uint64_t end = end_of_left_ids(store); /* takes the lock of a transaction */
        _cleanup_(txn_end) Txn txn = {};
        int r;

        if (!tenancy_id_is_valid(tenancy_id))
                return -EINVAL;
        r = begin_read(store, &txn);
        if (r == 0)
                r = intent_table_list_deletes(&txn, tenancy_id, end, &all);
        for (size_t i = 0; r == 0 && i < all.n_intents; i++)
                if (is_left(store, all.intents[i].id))
                        r = delete_intent_list_push(&left, &all.intents[i]);
        if (r == 0)
                *ret = TAKE(left, (DeleteIntentList){});
        return store_end(store, r);
}

int store_has_intents_of_host(Store *store, const char *tenancy_id, unsigned host, bool *ret)
{
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList exchanges = {};
        _cleanup_(delete_intent_list_clear) DeleteIntentList deletes = {};
        _cleanup_(txn_end) Txn txn = {};
        bool found = false;
        int r;

        if (!tenancy_id_is_valid(tenancy_id))
                return -EINVAL;
        r = begin_read(store, &txn);
        if (r == 0)
                r = intent_table_list_exchanges(&txn, tenancy_id, UINT64_MAX, &exchanges);
        if (r == 0)
                r = intent_table_list_deletes(&txn, tenancy_id, UINT64_MAX, &deletes);
        for (size_t i = 0; r == 0 && i < exchanges.n_intents; i++)
                found |= host_of_id(exchanges.intents[i].id) == host;
        for (size_t i = 0; r == 0 && i < deletes.n_intents; i++)
                found |= host_of_id(deletes.intents[i].id) == host;
        *ret = found;
        return store_end(store, r);
}

int store_queue(Store *store, StoreChange *change, StoreChange **ret)
{
        change->queued_at_us = monotonic_us();
        store->engine->class->queue(store->engine, change);
        if (ret)
                *ret = change;
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commits a batch, exactly once. */

#include <errno.h>

#include "base/clock.h"
#include "daemon/etcd-log/etcd-log-internal.h"
#include "dbus/error.h"

/* After this, the caller is told that the batch failed, although its outcome is unknown. */
#define GIVE_UP_MS 5000U

/* Keys that expire are attached to a lease, which is not kept alive; a newer one from time to time.
 */
#define LEASE_RENEW_MS (5U * 60U * 1000U)
#define LEASE_TTL_S    ((LOG_EXPIRES_MS + LEASE_RENEW_MS) / 1000)

/* The memory of a transaction. */
typedef struct Memory {
        void *blocks[4 * LOG_BATCH_MAX + 2];
        size_t n_blocks;
        bool failed;
} Memory;

static void memory_clear(Memory *memory)
{
        for (size_t i = 0; i < memory->n_blocks; i++)
                free(memory->blocks[i]);
}

static void *take(Memory *memory, void *block)
{
        if (!block || memory->n_blocks == ARRAY_SIZE(memory->blocks)) {
                free(block);
                memory->failed = true;
                return NULL;
        }
        return memory->blocks[memory->n_blocks++] = block;
}

/* The transaction */

/* All keys of a change lie in one block: one after another, with their prefix. */
static EtcdBytes add_key(const EtcdLog *log, char **at, const char *key)
{
        char *start = *at;

        memcpy(start, log->prefix, log->prefix_len);
        *at = stpcpy(start + log->prefix_len, key) + 1;
        return etcd_bytes(start);
}

static EtcdCompare make_compare(const EtcdLog *log, const LogCondition *condition, char **at)
{
        EtcdCompare compare = {.key = add_key(log, at, condition->key)};
        uint8_t *end = (uint8_t *) *at;

        switch (condition->test) {
        case LOG_CREATED_AT:
                compare.target = ETCD_COMPARE_CREATE;
                compare.result = ETCD_COMPARE_EQUAL;
                compare.number = (int64_t) condition->revision;
                break;
        case LOG_EXISTS:
                compare.target = ETCD_COMPARE_VERSION;
                compare.result = ETCD_COMPARE_GREATER;
                break;
        case LOG_ALL_UNCHANGED_SINCE:
                compare.range_end = etcd_prefix_end(compare.key, end);
                *at += compare.key.len + 1;
                compare.target = ETCD_COMPARE_MOD;
                compare.result = ETCD_COMPARE_LESS;
                compare.number = (int64_t) condition->revision + 1;
                break;
        case LOG_UNCHANGED_SINCE:
                compare.target = ETCD_COMPARE_MOD;
                compare.result = ETCD_COMPARE_LESS;
                compare.number = (int64_t) condition->revision + 1;
                break;
        }
        return compare;
}

static EtcdOp make_op(const EtcdLog *log, const LogWrite *write, char **at)
{
        EtcdBytes key = add_key(log, at, write->key);

        if (!write->value)
                return (EtcdOp){.kind = ETCD_OP_DELETE, .delete_range = {.key = key}};
        return (EtcdOp){
                .kind = ETCD_OP_PUT,
                .put = {.key = key,
                        .value = {.data = write->value_len > 0 ? write->value : NULL,
                                  .len = write->value_len},
                        .lease = write->expires ? log->lease : 0},
        };
}

/* Bytes of all keys of a change, with those of ends of ranges. */
static size_t size_of_keys(const EtcdLog *log, const LogChange *change)
{
        size_t size = 0;

        for (size_t i = 0; i < change->n_conditions; i++)
                size += 2 * (log->prefix_len + strlen(change->conditions[i].key) + 1);
        for (size_t i = 0; i < change->n_writes; i++)
                size += log->prefix_len + strlen(change->writes[i].key) + 1;
        return size;
}

static EtcdOp make_change(const EtcdLog *log, const LogChange *change, Memory *memory)
{
        EtcdTxn *txn = take(memory, calloc(1, sizeof(EtcdTxn)));
        EtcdCompare *compares = take(memory, calloc(change->n_conditions + 1, sizeof(EtcdCompare)));
        EtcdOp *ops = take(memory, calloc(change->n_writes + 1, sizeof(EtcdOp)));
        char *at = take(memory, malloc(size_of_keys(log, change) + 1));

        if (memory->failed)
                return (EtcdOp){};
        for (size_t i = 0; i < change->n_conditions; i++)
                compares[i] = make_compare(log, &change->conditions[i], &at);
        for (size_t i = 0; i < change->n_writes; i++)
                ops[i] = make_op(log, &change->writes[i], &at);
        *txn = (EtcdTxn){.compares = compares,
                         .n_compares = change->n_conditions,
                         .success = ops,
                         .n_success = change->n_writes};
        return (EtcdOp){.kind = ETCD_OP_TXN, .txn = txn};
}

static EtcdOp make_mark(const EtcdLog *log, const char *key, Memory *memory)
{
        const char *full = take(memory, etcd_log_key(log, key));

        return (EtcdOp){.kind = ETCD_OP_PUT, .put = {.key = etcd_bytes(full ? full : "")}};
}

static void on_reply(int r, const EtcdReply *reply, void *userdata);

/* Sends the batch; without one, only the mark of the host, so that an earlier batch cannot be made
 * any more. That is no commit: it would hide that the log was restored meanwhile. */
static int send_batch(EtcdLog *log)
{
        static const LogBatch nothing = {};
        const LogBatch *batch = log->commit.batch ? log->commit.batch : &nothing;
        _cleanup_(memory_clear) Memory memory = {};
        const char *value = take(&memory, etcd_log_host_value(log, log->commit.number));
        EtcdOp ops[LOG_BATCH_MAX + 2], get = {.kind = ETCD_OP_RANGE};
        EtcdCompare compare = {.target = ETCD_COMPARE_MOD,
                               .result = ETCD_COMPARE_EQUAL,
                               .key = etcd_bytes(log->host.key),
                               .number = log->host.revision};
        size_t n = 0;

        assert(batch->n_changes + batch->n_marks <= LOG_BATCH_MAX);
        for (size_t i = 0; i < batch->n_changes; i++)
                ops[n++] = make_change(log, &batch->changes[i], &memory);
        for (size_t i = 0; i < batch->n_marks; i++)
                ops[n++] = make_mark(log, batch->marks[i], &memory);
        if (log->commit.batch)
                ops[n++] = make_mark(log, LOG_LATEST_KEY, &memory);
        if (memory.failed)
                return -ENOMEM;
        ops[n++] = (EtcdOp){.kind = ETCD_OP_PUT,
                            .put = {.key = compare.key, .value = etcd_bytes(value)}};
        get.range.key = compare.key;
        return etcd_txn_start(log->client,
                              &(EtcdTxn){.compares = &compare,
                                         .n_compares = 1,
                                         .success = ops,
                                         .n_success = n,
                                         .failure = &get,
                                         .n_failure = 1},
                              &(EtcdCallOptions){.timeout_ms = GIVE_UP_MS}, on_reply, log,
                              &log->commit.call);
}

/* Results */

static void end_commit(EtcdLog *log, int r, int64_t revision, const bool *done)
{
        EtcdLogCommit commit = log->commit;

        log->commit = (EtcdLogCommit){.number = commit.number};
        if (commit.batch)
                commit.func(r, (uint64_t) revision, done, commit.userdata);
        free(commit.done);
        etcd_log_tell_reachable(log);
}

/* The caller must not wait longer. Until the outcome is known, nothing else is committed. */
static void give_up(EtcdLog *log)
{
        EtcdLogCommit *commit = &log->commit;
        LogCommitFunc func = commit->func;
        void *userdata = commit->userdata;

        if (!TAKE_PTR(commit->batch))
                return;
        etcd_log_tell_reachable(log);
        func(-ETIMEDOUT, 0, NULL, userdata);
}

/* The batch was made, by an earlier attempt. */
static bool end_by_events(EtcdLog *log)
{
        _cleanup_(freep) bool *done = NULL;

        if (!log->commit.done)
                return false;
        done = TAKE_PTR(log->commit.done);
        log->host.revision = log->commit.done_revision;
        end_commit(log, 0, log->commit.done_revision, done);
        return true;
}

static void end_by_reply(EtcdLog *log, const EtcdReply *reply)
{
        size_t n = log->commit.batch ? log->commit.batch->n_changes : 0;
        bool done[LOG_BATCH_MAX];

        for (size_t i = 0; i < n; i++)
                done[i] = reply->txn.replies[i].txn.succeeded;
        log->host.revision = reply->header.revision;
        end_commit(log, 0, reply->header.revision, done);
}

/* The host's key is not as this process has left it: an earlier attempt was made after all, or
 * another process has the number. */
static void on_other_mark(EtcdLog *log, const EtcdRangeReply *range)
{
        _cleanup_(freep) char *value = etcd_log_host_value(log, log->commit.number);

        if (end_by_events(log))
                return;
        if (log->commit.uncertain && value && range->n_kvs == 1 &&
            range->kvs[0].value.len == strlen(value) &&
            memcmp(range->kvs[0].value.data, value, strlen(value)) == 0) {
                if (log->commit.batch) { /* the watch will bring its events */
                        if (monotonic_ms() >= log->commit.give_up_at_ms)
                                give_up(log);
                        etcd_log_retry_soon(log);
                        return;
                }
                log->host.revision = range->kvs[0].mod_revision;
                end_commit(log, 0, 0, NULL);
                return;
        }
        log->host.claimed = false;
        end_commit(log, log->commit.uncertain ? -ETIMEDOUT : -EAGAIN, 0, NULL);
        etcd_log_host_claim(log);
}

static int error_of_etcd(int r)
{
        switch (r) {
        case ETCD_ERROR_UNAVAILABLE:
        case ETCD_ERROR_NO_LEADER:
                return -EAGAIN;
        case ETCD_ERROR_NO_SPACE:
                return ERROR_STORE_FULL;
        default:
                return r < 0 ? r : ERROR_STORE_FAILED;
        }
}

static bool is_uncertain(int r)
{
        return r == ETCD_ERROR_OUTCOME_UNKNOWN || r == ETCD_ERROR_OTHER_CLUSTER ||
               r == ETCD_ERROR_REVISION_WENT_BACK;
}

static void on_lease(int r, const EtcdReply *reply, void *userdata)
{
        EtcdLog *log = userdata;

        log->lease_call = NULL;
        if (r == 0) {
                log->lease = reply->lease.id;
                log->lease_at_ms = monotonic_ms();
                r = send_batch(log);
        }
        if (r != 0)
                end_commit(log, error_of_etcd(r), 0, NULL);
}

static int get_lease(EtcdLog *log)
{
        return etcd_lease_grant_start(log->client, LEASE_TTL_S, NULL, on_lease, log,
                                      &log->lease_call);
}

/* The lease has expired while this host was suspended, or is not in a restored backup. */
static bool renew_lease(EtcdLog *log, int r)
{
        if (r != ETCD_ERROR_LEASE_NOT_FOUND || !log->commit.batch || log->commit.is_renewed)
                return false;
        log->commit.is_renewed = true;
        log->lease = 0;
        return get_lease(log) == 0;
}

static void on_reply(int r, const EtcdReply *reply, void *userdata)
{
        EtcdLog *log = userdata;

        log->commit.call = NULL;
        if (renew_lease(log, r))
                return;
        if (r == 0 && reply->txn.succeeded) {
                end_by_reply(log, reply);
                return;
        }
        if (r == 0) {
                on_other_mark(log, &reply->txn.replies[0].range);
                return;
        }
        if (end_by_events(log))
                return;
        log->commit.uncertain |= is_uncertain(r);
        if (!log->commit.uncertain) {
                end_commit(log, error_of_etcd(r), 0, NULL);
                return;
        }
        if (monotonic_ms() >= log->commit.give_up_at_ms)
                give_up(log);
        etcd_log_retry_soon(log);
}

void etcd_log_commit_retry(EtcdLog *log)
{
        if (!log->commit.uncertain || log->commit.call || log->lease_call)
                return;
        if (monotonic_ms() >= log->commit.give_up_at_ms)
                give_up(log);
        if (send_batch(log) < 0)
                etcd_log_retry_soon(log);
}

static bool is_written(const EtcdLog *log, const EtcdWatchNews *news, const LogChange *change)
{
        for (size_t i = 0; i < news->n_events; i++) {
                const EtcdBytes *key = &news->events[i].kv.key;

                if (key->len > log->prefix_len &&
                    streq((const char *) key->data + log->prefix_len, change->writes[0].key))
                        return true;
        }
        return false;
}

static bool has_value(const EtcdKv *kv, const char *value, size_t len)
{
        return value && kv->value.len >= len && memcmp(kv->value.data, value, len) == 0;
}

/* The event of the host's key; NULL if there is none by this process. */
static const EtcdKv *find_mark(const EtcdLog *log, const EtcdWatchNews *news)
{
        _cleanup_(freep) char *value = etcd_log_host_value(log, 0);

        for (size_t i = 0; i < news->n_events; i++) {
                const EtcdKv *kv = &news->events[i].kv;

                if (kv->key.len == strlen(log->host.key) && streq(kv->key.data, log->host.key))
                        return has_value(kv, value, value ? strlen(value) - 1 : 0) ? kv : NULL;
        }
        return NULL;
}

static bool is_in_flight(const EtcdLog *log, const EtcdKv *mark)
{
        _cleanup_(freep) char *value = etcd_log_host_value(log, log->commit.number);

        return log->commit.batch && value && mark->value.len == strlen(value) &&
               has_value(mark, value, strlen(value));
}

/* A change without writes is not known to have been made: it is planned again. */
bool etcd_log_commit_see(EtcdLog *log, const EtcdWatchNews *news)
{
        const EtcdKv *mark = log->host.claimed ? find_mark(log, news) : NULL;
        EtcdLogCommit *commit = &log->commit;

        if (!mark)
                return false;
        if (commit->done || !is_in_flight(log, mark))
                return true;
        commit->done = calloc(commit->batch->n_changes + 1, sizeof(bool));
        if (!commit->done)
                return true;
        commit->done_revision = news->revision;
        for (size_t i = 0; i < commit->batch->n_changes; i++)
                commit->done[i] = commit->batch->changes[i].n_writes > 0 &&
                                  is_written(log, news, &commit->batch->changes[i]);
        if (commit->uncertain && !commit->call)
                (void) end_by_events(log);
        return true;
}

/* Start */

static bool needs_lease(const EtcdLog *log, const LogBatch *batch)
{
        if (log->lease != 0 && monotonic_ms() - log->lease_at_ms < LEASE_RENEW_MS)
                return false;
        for (size_t i = 0; i < batch->n_changes; i++)
                for (size_t n = 0; n < batch->changes[i].n_writes; n++)
                        if (batch->changes[i].writes[n].expires)
                                return true;
        return false;
}

bool etcd_log_commit_is_ready(const EtcdLog *log)
{
        return log->host.claimed && (log->commit.batch || !log->commit.uncertain);
}

int etcd_log_commit_start(EtcdLog *log, const LogBatch *batch, LogCommitFunc func, void *userdata)
{
        int r;

        if (!etcd_log_commit_is_ready(log) || etcd_client_state(log->client) == ETCD_CLIENT_AWAY)
                return -EAGAIN;
        assert(!log->commit.batch);
        log->commit.batch = batch;
        log->commit.func = func;
        log->commit.userdata = userdata;
        log->commit.number++;
        log->commit.give_up_at_ms = monotonic_ms() + GIVE_UP_MS;
        if (needs_lease(log, batch))
                r = get_lease(log);
        else
                r = send_batch(log);
        if (r < 0)
                log->commit.batch = NULL;
        return r;
}

void etcd_log_commit_cancel(EtcdLog *log)
{
        etcd_call_cancel(log->commit.call);
        etcd_call_cancel(log->lease_call);
        free(log->commit.done);
}

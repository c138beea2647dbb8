/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "tests/unit/daemon/store/memory-cluster.h"
#include "tests/unit/test.h"

enum { HOSTS_MAX = 8, PAGE = 7, READS_MAX = 8 };

typedef struct Record {
        char *key;
        uint8_t *value; /* NULL: removed */
        size_t len;
        uint64_t created_at, changed_at;
} Record;

typedef struct Read {
        char key[256];
        LogReadFunc func;
        void *userdata;
} Read;

typedef struct Host {
        SharedLog log;
        MemoryCluster *cluster;
        unsigned number;
        bool following, listens;
        LogFollower follower;
        uint64_t told; /* the last revision */
        int told_reachable;

        const LogBatch *batch; /* to be committed */
        bool *done;            /* committed; its result is due */
        uint64_t revision;
        int r;
        LogCommitFunc committed;
        void *commit_userdata;

        Read *reads[READS_MAX];
        size_t n_reads;

        bool loading, page_due;
        uint64_t load_revision;
        char load_keys[64];
        uint64_t expected; /* id of the cluster; 0: any */
        size_t load_at;
        LogPageFunc page;
        void *page_userdata;
} Host;

struct MemoryCluster {
        unsigned seed;
        Record *records; /* of all revisions, in their order */
        size_t n_records;
        uint64_t revision, compacted, id;
        Host *hosts[HOSTS_MAX];
        size_t n_hosts;
        bool is_reachable;
        unsigned n_collisions;
};

MemoryCluster *memory_cluster_new(unsigned seed)
{
        MemoryCluster *cluster = calloc(1, sizeof(MemoryCluster));

        assert_non_null(cluster);
        *cluster = (MemoryCluster){.seed = seed, .revision = 1, .id = 1, .is_reachable = true};
        return cluster;
}

void memory_cluster_free(MemoryCluster *cluster)
{
        assert_int_equal(cluster->n_hosts, 0);
        for (size_t i = 0; i < cluster->n_records; i++) {
                free(cluster->records[i].key);
                free(cluster->records[i].value);
        }
        free(cluster->records);
        free(cluster);
}

/* The latest record of a key, up to a revision. */
static const Record *find(const MemoryCluster *cluster, const char *key, uint64_t revision)
{
        for (size_t i = cluster->n_records; i-- > 0;) {
                const Record *record = &cluster->records[i];

                if (record->changed_at <= revision && streq(record->key, key))
                        return record;
        }
        return NULL;
}

static bool exists(const Record *record)
{
        return record && record->value;
}

static bool all_unchanged(const MemoryCluster *cluster, const char *prefix, uint64_t revision)
{
        for (size_t i = 0; i < cluster->n_records; i++)
                if (cluster->records[i].changed_at > revision &&
                    strncmp(cluster->records[i].key, prefix, strlen(prefix)) == 0)
                        return false;
        return true;
}

static bool holds(const MemoryCluster *cluster, const LogCondition *condition)
{
        const Record *record = find(cluster, condition->key, cluster->revision);

        switch (condition->test) {
        case LOG_CREATED_AT:
                return (exists(record) ? record->created_at : 0) == condition->revision;
        case LOG_EXISTS:
                return exists(record);
        case LOG_UNCHANGED_SINCE:
                return !exists(record) || record->changed_at <= condition->revision;
        case LOG_ALL_UNCHANGED_SINCE:
                return all_unchanged(cluster, condition->key, condition->revision);
        }
        return false;
}

static void put(MemoryCluster *cluster, const char *key, const uint8_t *value, size_t len,
                uint64_t revision)
{
        const Record *old = find(cluster, key, revision);
        Record record = {.key = strdup(key), .len = len, .changed_at = revision};

        for (size_t i = cluster->n_records; i-- > 0 && cluster->records[i].changed_at == revision;)
                assert_string_not_equal(cluster->records[i].key, key); /* written twice */
        record.created_at = exists(old) ? old->created_at : revision;
        if (value) {
                record.value = malloc(len + 1);
                assert_non_null(record.value);
                memcpy(record.value, value, len);
        } else if (!exists(old)) {
                free(record.key);
                return;
        }
        cluster->records = reallocarray(cluster->records, cluster->n_records + 1, sizeof(Record));
        assert_non_null(cluster->records);
        cluster->records[cluster->n_records++] = record;
}

void memory_cluster_put(MemoryCluster *cluster, const char *key, const void *value, size_t len)
{
        put(cluster, key, value, len, ++cluster->revision);
}

static bool can_reach(const MemoryCluster *cluster, const Host *host)
{
        return cluster->is_reachable && (host->expected == 0 || host->expected == cluster->id);
}

/* Steps of a host */

static void host_commit(MemoryCluster *cluster, Host *host)
{
        const LogBatch *batch = TAKE_PTR(host->batch);
        bool collided = false;
        char mark[16];

        host->r = can_reach(cluster, host) ? 0 : -EAGAIN;
        host->done = calloc(batch->n_changes + 1, sizeof(bool));
        assert_non_null(host->done);
        if (host->r < 0) {
                host->told_reachable = -1; /* told again */
                return;
        }
        for (size_t i = 0; i < batch->n_changes; i++) {
                const LogChange *change = &batch->changes[i];

                host->done[i] = true;
                for (size_t n = 0; n < change->n_conditions; n++)
                        host->done[i] &= holds(cluster, &change->conditions[n]);
                collided |= !host->done[i];
        }
        host->revision = ++cluster->revision;
        for (size_t i = 0; i < batch->n_changes; i++)
                for (size_t n = 0; host->done[i] && n < batch->changes[i].n_writes; n++) {
                        const LogWrite *write = &batch->changes[i].writes[n];

                        put(cluster, write->key, write->value, write->value_len, host->revision);
                }
        for (size_t i = 0; i < batch->n_marks; i++)
                put(cluster, batch->marks[i], (const uint8_t *) "", 0, host->revision);
        snprintf(mark, sizeof(mark), "hosts/%03u", host->number);
        put(cluster, mark, (const uint8_t *) "", 0, host->revision);
        put(cluster, LOG_LATEST_KEY, (const uint8_t *) "", 0, host->revision);
        cluster->n_collisions += collided;
}

static void host_report(Host *host)
{
        _cleanup_(freep) bool *done = TAKE_PTR(host->done);

        host->committed(host->r, host->revision, done, host->commit_userdata);
}

/* The next revision with records, or the last one. */
static uint64_t next_revision(const MemoryCluster *cluster, uint64_t revision)
{
        for (size_t i = 0; i < cluster->n_records; i++)
                if (cluster->records[i].changed_at > revision)
                        return cluster->records[i].changed_at;
        return cluster->revision;
}

static void host_follow(MemoryCluster *cluster, Host *host)
{
        uint64_t revision = next_revision(cluster, host->told);
        LogEvent events[256];
        bool is_own = false;
        char mark[16];
        size_t n = 0;

        snprintf(mark, sizeof(mark), "hosts/%03u", host->number);

        if (host->told < cluster->compacted) {
                host->following = false;
                host->follower.lost(host->follower.userdata);
                return;
        }
        for (size_t i = 0; i < cluster->n_records; i++) {
                const Record *record = &cluster->records[i];

                if (record->changed_at != revision)
                        continue;
                assert_true(n < ARRAY_SIZE(events));
                is_own |= streq(record->key, mark);
                events[n++] = (LogEvent){.key = record->key,
                                         .created_at = record->created_at,
                                         .changed_at = record->changed_at,
                                         .value = record->value,
                                         .value_len = record->len};
        }
        host->told = revision;
        host->follower.changed(revision, events, n, is_own, host->follower.userdata);
}

static void host_load(MemoryCluster *cluster, Host *host)
{
        LogEvent events[PAGE];
        size_t n = 0;

        host->page_due = false;
        for (; host->load_at < cluster->n_records && n < PAGE; host->load_at++) {
                const Record *record = &cluster->records[host->load_at];

                if (record->changed_at <= host->load_revision && record->value &&
                    strncmp(record->key, host->load_keys, strlen(host->load_keys)) == 0 &&
                    find(cluster, record->key, host->load_revision) == record)
                        events[n++] = (LogEvent){.key = record->key,
                                                 .created_at = record->created_at,
                                                 .changed_at = record->changed_at,
                                                 .value = record->value,
                                                 .value_len = record->len};
        }
        host->loading = n == PAGE;
        host->page(0, host->load_revision, events, n, !host->loading, host->page_userdata);
}

static void host_read(MemoryCluster *cluster, Host *host)
{
        _cleanup_(freep) Read *read = host->reads[--host->n_reads];
        const Record *record = find(cluster, read->key, cluster->revision);

        if (can_reach(cluster, host))
                read->func(0, exists(record) ? record->changed_at : 0, read->userdata);
        else
                read->func(-EAGAIN, 0, read->userdata);
}

typedef enum Step {
        STEP_COMMIT,
        STEP_REPORT,
        STEP_FOLLOW,
        STEP_LOAD,
        STEP_READ,
        STEP_REACHABLE,
} Step;

static bool is_due(const MemoryCluster *cluster, const Host *host, Step step)
{
        switch (step) {
        case STEP_COMMIT:
                return host->batch;
        case STEP_REPORT:
                return host->done;
        case STEP_FOLLOW:
                return host->following && can_reach(cluster, host) &&
                       host->told < cluster->revision;
        case STEP_LOAD:
                return host->page_due && can_reach(cluster, host);
        case STEP_READ:
                return host->n_reads > 0;
        case STEP_REACHABLE:
                return host->listens && host->told_reachable != can_reach(cluster, host);
        }
        return false;
}

static void take_step(MemoryCluster *cluster, Host *host, Step step)
{
        switch (step) {
        case STEP_COMMIT:
                host_commit(cluster, host);
                break;
        case STEP_REPORT:
                host_report(host);
                break;
        case STEP_FOLLOW:
                host_follow(cluster, host);
                break;
        case STEP_LOAD:
                host_load(cluster, host);
                break;
        case STEP_READ:
                host_read(cluster, host);
                break;
        case STEP_REACHABLE:
                host->told_reachable = can_reach(cluster, host);
                host->follower.reachable(host->told_reachable, host->follower.userdata);
                break;
        }
}

/* NULL: of any host. */
static bool take_any_step(MemoryCluster *cluster, const Host *only)
{
        struct {
                Host *host;
                Step step;
        } due[HOSTS_MAX * (STEP_REACHABLE + 1)];
        size_t n = 0, i;

        for (i = 0; i < cluster->n_hosts; i++)
                for (Step step = STEP_COMMIT; step <= STEP_REACHABLE; step++)
                        if ((!only || cluster->hosts[i] == only) &&
                            is_due(cluster, cluster->hosts[i], step)) {
                                due[n].host = cluster->hosts[i];
                                due[n++].step = step;
                        }
        if (n == 0)
                return false;
        i = (size_t) rand_r(&cluster->seed) % n;
        take_step(cluster, due[i].host, due[i].step);
        return true;
}

bool memory_cluster_step(MemoryCluster *cluster)
{
        return take_any_step(cluster, NULL);
}

bool memory_cluster_step_host(MemoryCluster *cluster, unsigned number)
{
        for (size_t i = 0; i < cluster->n_hosts; i++)
                if (cluster->hosts[i]->number == number)
                        return take_any_step(cluster, cluster->hosts[i]);
        return false;
}

/* The log of a host */

static SharedLog *log_free(SharedLog *log)
{
        Host *host = container_of(log, Host, log);
        MemoryCluster *cluster = host->cluster;

        for (size_t i = 0; i < cluster->n_hosts; i++)
                if (cluster->hosts[i] == host)
                        cluster->hosts[i--] = cluster->hosts[--cluster->n_hosts];
        while (host->n_reads > 0)
                free(host->reads[--host->n_reads]);
        free(host->done);
        free(host);
        return NULL;
}

static int log_follow(SharedLog *log, uint64_t revision, const LogFollower *follower)
{
        Host *host = container_of(log, Host, log);

        host->follower = *follower;
        host->listens = true;
        host->following = revision > 0;
        host->told = revision;
        host->told_reachable = -1;
        return 0;
}

static int log_commit(SharedLog *log, const LogBatch *batch, LogCommitFunc func, void *userdata)
{
        Host *host = container_of(log, Host, log);

        assert_null(host->batch);
        assert_null(host->done);
        assert_true(batch->n_changes > 0 && batch->n_changes + batch->n_marks <= LOG_BATCH_MAX);
        host->batch = batch;
        host->committed = func;
        host->commit_userdata = userdata;
        return 0;
}

static int log_load(SharedLog *log, const char *keys, LogPageFunc func, void *userdata)
{
        Host *host = container_of(log, Host, log);

        assert_true(strlen(keys) < sizeof(host->load_keys));
        strcpy(host->load_keys, keys);
        host->loading = true;
        host->load_revision = host->cluster->revision;
        host->load_at = 0;
        host->page = func;
        host->page_userdata = userdata;
        host->page_due = true;
        return 0;
}

static int log_load_next(SharedLog *log)
{
        Host *host = container_of(log, Host, log);

        assert_true(host->loading);
        host->page_due = true;
        return 0;
}

static int log_read(SharedLog *log, const char *key, uint64_t timeout_ms, LogReadFunc func,
                    void *userdata)
{
        Host *host = container_of(log, Host, log);
        Read *read = calloc(1, sizeof(Read));

        assert_non_null(read);
        assert_true(host->n_reads < READS_MAX && strlen(key) < sizeof(read->key));
        *read = (Read){.func = func, .userdata = userdata};
        strcpy(read->key, key);
        host->reads[host->n_reads++] = read;
        return 0;
}

static uint64_t log_cluster(SharedLog *log)
{
        return container_of(log, Host, log)->cluster->id;
}

static void log_expect_cluster(SharedLog *log, uint64_t cluster)
{
        container_of(log, Host, log)->expected = cluster;
}

static unsigned log_host(SharedLog *log)
{
        return container_of(log, Host, log)->number;
}

static int log_leave(SharedLog *log, LogLeaveFunc func, void *userdata)
{
        if (!container_of(log, Host, log)->cluster->is_reachable)
                return -EAGAIN;
        func(0, userdata);
        return 0;
}

SharedLog *memory_cluster_join(MemoryCluster *cluster, unsigned number)
{
        static const SharedLogClass class = {
                .free = log_free,
                .host = log_host,
                .cluster = log_cluster,
                .expect_cluster = log_expect_cluster,
                .follow = log_follow,
                .commit = log_commit,
                .load = log_load,
                .load_next = log_load_next,
                .read = log_read,
                .leave = log_leave,
        };
        Host *host = calloc(1, sizeof(Host));

        assert_non_null(host);
        assert_true(cluster->n_hosts < HOSTS_MAX);
        host->log.class = &class;
        host->cluster = cluster;
        host->number = number;
        cluster->hosts[cluster->n_hosts++] = host;
        return &host->log;
}

/* Hosts that have seen more lose their watch, as with etcd. What is in flight fails. */
static void lose(const MemoryCluster *cluster, Host *host)
{
        if (host->batch) {
                host->batch = NULL;
                host->committed(-EAGAIN, 0, NULL, host->commit_userdata);
        }
        if (host->page_due || host->loading) {
                host->page_due = host->loading = false;
                host->page(-EAGAIN, 0, NULL, 0, false, host->page_userdata);
        }
        if (host->following && host->told > cluster->revision) {
                host->following = false;
                host->follower.lost(host->follower.userdata);
        }
        host->told_reachable = -1;
}

static void forget_after(MemoryCluster *cluster, uint64_t revision)
{
        while (cluster->n_records > 0 &&
               cluster->records[cluster->n_records - 1].changed_at > revision) {
                Record *record = &cluster->records[--cluster->n_records];

                free(record->key);
                free(record->value);
        }
}

void memory_cluster_restore(MemoryCluster *cluster, uint64_t revision)
{
        forget_after(cluster, revision);
        cluster->revision = revision;
        for (size_t i = 0; i < cluster->n_hosts; i++)
                lose(cluster, cluster->hosts[i]);
}

void memory_cluster_restore_raised(MemoryCluster *cluster, uint64_t backup, uint64_t revision)
{
        forget_after(cluster, backup);
        assert_true(revision >= cluster->revision);
        cluster->revision = revision;
        for (size_t i = 0; i < cluster->n_hosts; i++) {
                Host *host = cluster->hosts[i];

                lose(cluster, host);
                host->told_reachable = false;
                if (host->listens)
                        host->follower.reachable(false, host->follower.userdata);
        }
}

void memory_cluster_replace(MemoryCluster *cluster)
{
        cluster->id++;
}

void memory_cluster_compact(MemoryCluster *cluster)
{
        cluster->compacted = cluster->revision;
}

void memory_cluster_set_reachable(MemoryCluster *cluster, bool is_reachable)
{
        cluster->is_reachable = is_reachable;
}

void memory_cluster_tell_away(MemoryCluster *cluster, unsigned to, unsigned away)
{
        for (size_t i = 0; i < cluster->n_hosts; i++)
                if (cluster->hosts[i]->number == to && cluster->hosts[i]->following)
                        cluster->hosts[i]->follower.away(away,
                                                         cluster->hosts[i]->follower.userdata);
}

uint64_t memory_cluster_revision(const MemoryCluster *cluster)
{
        return cluster->revision;
}

unsigned memory_cluster_collisions(const MemoryCluster *cluster)
{
        return cluster->n_collisions;
}

const uint8_t *memory_cluster_get(const MemoryCluster *cluster, const char *key, size_t *ret_len)
{
        const Record *record = find(cluster, key, cluster->revision);

        if (!exists(record))
                return NULL;
        *ret_len = record->len;
        return record->value;
}

size_t memory_cluster_count(const MemoryCluster *cluster, const char *prefix)
{
        size_t n = 0;

        for (size_t i = 0; i < cluster->n_records; i++) {
                const Record *record = &cluster->records[i];

                n += record->value && strncmp(record->key, prefix, strlen(prefix)) == 0 &&
                     find(cluster, record->key, cluster->revision) == record;
        }
        return n;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/etcd-log/etcd-log-internal.h"

#define RETRY_US (1U * 1000U * 1000U)

/* How long the loss of the cluster, or of the freshness of the replica, stays unnoticed. */
#define HEARTBEAT_MS 2000U

#define LOAD_PAUSE_MS 5000U

char *etcd_log_key(const EtcdLog *log, const char *key)
{
        char *full;

        return asprintf(&full, "%s%s", log->prefix, key) < 0 ? NULL : full;
}

/* Whether the log can be reached */

static bool is_reachable(const EtcdLog *log)
{
        return etcd_log_commit_is_ready(log) &&
               etcd_client_state(log->client) == ETCD_CLIENT_SERVING;
}

void etcd_log_tell_reachable(EtcdLog *log)
{
        EtcdClientState state = etcd_client_state(log->client);
        bool reachable = is_reachable(log);
        bool is_starting =
                state == ETCD_CLIENT_STARTING ||
                (state == ETCD_CLIENT_SERVING && !log->host.claimed && !log->host.claim_failed);

        if (!log->follower.reachable ||
            (log->was_told ? log->told_reachable == reachable : is_starting))
                return;
        log->was_told = true;
        log->told_reachable = reachable;
        log->follower.reachable(reachable, log->follower.userdata);
}

void etcd_log_repeat_reachable(EtcdLog *log)
{
        if (log->was_told && log->told_reachable && is_reachable(log))
                log->follower.reachable(true, log->follower.userdata);
}

/* The owner of the log tells of a revision that went back. */
static void warn_of_state(EtcdClientState state)
{
        if (state == ETCD_CLIENT_OTHER_CLUSTER)
                log_error(
                        "The endpoints belong to another etcd cluster than before: links are read "
                        "from the replica and not changed; check Endpoints= in [Store], or see "
                        "doc/fleet.md");
}

static void on_state(EtcdClient *client, void *userdata)
{
        EtcdLog *log = userdata;
        EtcdClientState state = etcd_client_state(client);

        warn_of_state(state);
        if (state == ETCD_CLIENT_SERVING)
                etcd_log_host_claim(log);
        etcd_log_tell_reachable(log);
}

static void retry_load(EtcdLog *log);

static int on_retry(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        EtcdLog *log = userdata;

        etcd_log_host_claim(log);
        etcd_log_commit_retry(log);
        etcd_log_tell_reachable(log);
        retry_load(log);
        return 0;
}

static void retry_in(EtcdLog *log, uint64_t delay_us)
{
        (void) sd_event_source_set_time_relative(log->retry, delay_us);
        (void) sd_event_source_set_enabled(log->retry, SD_EVENT_ONESHOT);
}

void etcd_log_retry_soon(EtcdLog *log)
{
        retry_in(log, RETRY_US);
}

/* Follow */

/* Returns NULL for a key that no host writes. */
static char *key_without_prefix(const EtcdLog *log, const EtcdKv *kv)
{
        char *key = (char *) kv->key.data; /* lent */

        if (kv->key.len < log->prefix_len || memcmp(key, log->prefix, log->prefix_len) != 0 ||
            memchr(key, '\0', kv->key.len))
                return NULL;
        return key + log->prefix_len;
}

bool etcd_log_make_event(const EtcdLog *log, const EtcdKv *kv, bool removed, LogEvent *ret)
{
        static uint8_t empty[1];
        char *key = key_without_prefix(log, kv);

        if (!key)
                return false;
        *ret = (LogEvent){.key = key,
                          .created_at = (uint64_t) kv->create_revision,
                          .changed_at = (uint64_t) kv->mod_revision};
        if (!removed) {
                ret->value = kv->value.data ? (uint8_t *) kv->value.data : empty;
                ret->value_len = kv->value.len;
        }
        return true;
}

static void tell_events(EtcdLog *log, const EtcdWatchNews *news)
{
        LogEvent *events = calloc(news->n_events + 1, sizeof(LogEvent));
        size_t n = 0;
        bool is_own;

        if (!events || (uint64_t) news->revision > REVISION_MAX) {
                free(events);
                log->follower.lost(log->follower.userdata);
                return;
        }
        for (size_t i = 0; i < news->n_events; i++)
                n += etcd_log_make_event(log, &news->events[i].kv, news->events[i].is_delete,
                                         &events[n]);
        etcd_log_host_see(log, news);
        is_own = etcd_log_commit_see(log, news);
        log->follower.changed((uint64_t) news->revision, events, n, is_own, log->follower.userdata);
        free(events);
}

uint64_t etcd_log_heard_at_ms(const EtcdLog *log)
{
        uint64_t watch_ms = log->watch ? etcd_watch_heard_at_ms(log->watch) : 0;

        return watch_ms > log->heard_at_ms ? watch_ms : log->heard_at_ms;
}

static void end_watch(EtcdLog *log)
{
        log->heard_at_ms = etcd_log_heard_at_ms(log);
        log->watch = etcd_watch_free(log->watch);
}

static void on_watch(const EtcdWatchNews *news, void *userdata)
{
        EtcdLog *log = userdata;

        switch (news->kind) {
        case ETCD_WATCH_EVENTS:
                tell_events(log, news);
                break;
        case ETCD_WATCH_MARK:
                break;
        case ETCD_WATCH_END:
                end_watch(log);
                log->follower.lost(log->follower.userdata);
                break;
        }
}

static int start_watch(EtcdLog *log, uint64_t revision)
{
        end_watch(log);
        return etcd_watch_new(log->client,
                              &(EtcdWatchOptions){.prefix = etcd_bytes(log->prefix),
                                                  .revision = (int64_t) revision,
                                                  .check_ms = HEARTBEAT_MS},
                              on_watch, log, &log->watch);
}

static int log_follow(SharedLog *shared, uint64_t revision, const LogFollower *follower)
{
        EtcdLog *log = container_of(shared, EtcdLog, log);

        log->follower = *follower;
        log->was_told = false;
        retry_in(log, 0); /* tells whether the log can be reached */
        if (revision > 0)
                return start_watch(log, revision);
        end_watch(log);
        return 0;
}

/* Commit */

static int log_commit(SharedLog *shared, const LogBatch *batch, LogCommitFunc func, void *userdata)
{
        return etcd_log_commit_start(container_of(shared, EtcdLog, log), batch, func, userdata);
}

static unsigned log_host(SharedLog *shared)
{
        return container_of(shared, EtcdLog, log)->host.number;
}

static uint64_t log_cluster(SharedLog *shared)
{
        return etcd_client_cluster_id(container_of(shared, EtcdLog, log)->client);
}

static void log_expect_cluster(SharedLog *shared, uint64_t cluster)
{
        etcd_client_expect_cluster(container_of(shared, EtcdLog, log)->client, cluster);
}

/* Read */

static int log_read(SharedLog *shared, const char *key, uint64_t timeout_ms, LogReadFunc func,
                    void *userdata)
{
        return etcd_log_read(container_of(shared, EtcdLog, log), key, timeout_ms, func, userdata);
}

/* Leave */

static int log_leave(SharedLog *shared, LogLeaveFunc func, void *userdata)
{
        return etcd_log_host_leave(container_of(shared, EtcdLog, log), func, userdata);
}

/* Load */

static void tell_page(EtcdLog *log, const EtcdSnapshotNews *news)
{
        LogEvent *events = calloc(news->n_kvs + 1, sizeof(LogEvent));
        size_t n = 0;

        for (size_t i = 0; events && i < news->n_kvs; i++)
                n += etcd_log_make_event(log, &news->kvs[i], false, &events[n]);
        log->page(events && (uint64_t) news->revision <= REVISION_MAX ? 0 : -EAGAIN,
                  (uint64_t) news->revision, events, n, news->is_last, log->page_userdata);
        free(events);
}

static void on_snapshot(const EtcdSnapshotNews *news, void *userdata)
{
        EtcdLog *log = userdata;

        if (news->kind == ETCD_SNAPSHOT_PAGE) {
                tell_page(log, news);
                return;
        }
        log->snapshot = etcd_snapshot_free(log->snapshot);
        log->page(-EAGAIN, 0, NULL, 0, false, log->page_userdata);
}

static int start_load(EtcdLog *log)
{
        log->load_waits = false;
        if (streq(log->load_prefix, log->prefix))
                log->load_at_ms = monotonic_ms();
        return etcd_snapshot_new(log->client,
                                 &(EtcdSnapshotOptions){.prefix = etcd_bytes(log->load_prefix)},
                                 on_snapshot, log, &log->snapshot);
}

static void retry_load(EtcdLog *log)
{
        if (!log->load_waits || start_load(log) == 0)
                return;
        log->load_waits = true;
        etcd_log_retry_soon(log);
}

/* Not at once after another load of all, which has failed: the disk may be full. */
static bool has_to_pause(const EtcdLog *log, const char *keys)
{
        return streq(keys, "") && log->load_at_ms > 0 &&
               monotonic_ms() - log->load_at_ms < LOAD_PAUSE_MS;
}

static int log_load(SharedLog *shared, const char *keys, LogPageFunc func, void *userdata)
{
        EtcdLog *log = container_of(shared, EtcdLog, log);

        log->snapshot = etcd_snapshot_free(log->snapshot);
        free(log->load_prefix);
        log->load_prefix = etcd_log_key(log, keys);
        if (!log->load_prefix)
                return -ENOMEM;
        if (etcd_client_state(log->client) == ETCD_CLIENT_REVISION_WENT_BACK)
                etcd_client_accept_cluster(log->client);
        log->page = func;
        log->page_userdata = userdata;
        log->load_waits = true;
        if (has_to_pause(log, keys))
                etcd_log_retry_soon(log);
        else
                retry_load(log);
        return 0;
}

static int log_load_next(SharedLog *shared)
{
        EtcdLog *log = container_of(shared, EtcdLog, log);

        return etcd_snapshot_next(log->snapshot);
}

/* The log */

static void destroy_host(EtcdLogHost *host)
{
        etcd_call_cancel(host->call);
        free(host->key);
        free(host->name);
}

static SharedLog *log_free(SharedLog *shared)
{
        EtcdLog *log = container_of(shared, EtcdLog, log);

        etcd_log_alive_destroy(log);
        etcd_log_commit_cancel(log);
        etcd_log_read_cancel_all(log);
        destroy_host(&log->host);
        etcd_watch_free(log->watch);
        etcd_snapshot_free(log->snapshot);
        etcd_client_free(log->client);
        sd_event_source_disable_unref(log->retry);
        sd_event_unref(log->event);
        free(log->load_prefix);
        free(log->prefix);
        free(log);
        return NULL;
}

static int set_up(EtcdLog *log, const EtcdTransport *transport, const EtcdLogOptions *options)
{
        _cleanup_(freep) char *probe_key = NULL;
        int r;

        log->prefix = strdup(options->prefix);
        log->host.name = strdup(options->host_name);
        log->host.number = options->host_number;
        log->host.has_left = options->has_left;
        log->host.on_claimed = options->claimed;
        log->host.userdata = options->userdata;
        if (!log->prefix || !log->host.name)
                return -ENOMEM;
        log->prefix_len = strlen(log->prefix);
        probe_key = etcd_log_key(log, "probe");
        if (!probe_key)
                return -ENOMEM;
        if (getrandom(&log->host.epoch, sizeof(log->host.epoch), 0) < 0)
                return log_errno_origin(-errno);
        r = sd_event_add_time(log->event, &log->retry, CLOCK_MONOTONIC, 0, 0, on_retry, log);
        if (r >= 0)
                r = sd_event_source_set_enabled(log->retry, SD_EVENT_OFF);
        if (r < 0)
                return log_errno_origin(r);
        r = etcd_log_alive_set_up(log);
        if (r < 0)
                return r;
        return etcd_client_new(log->event, transport,
                               &(EtcdClientOptions){.heartbeat_ms = HEARTBEAT_MS,
                                                    .probe_key = etcd_bytes(probe_key)},
                               on_state, log, &log->client);
}

int etcd_log_new(sd_event *event, const EtcdTransport *transport, const EtcdLogOptions *options,
                 SharedLog **ret)
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
        EtcdLog *log = calloc(1, sizeof(EtcdLog));
        int r;

        if (!log)
                return -ENOMEM;
        log->log.class = &class;
        log->event = sd_event_ref(event);
        log->heard_at_ms = monotonic_ms();
        r = set_up(log, transport, options);
        if (r < 0) {
                log_free(&log->log);
                return r;
        }
        *ret = &log->log;
        return 0;
}

void etcd_log_endpoints_changed(SharedLog *shared)
{
        etcd_client_endpoints_changed(container_of(shared, EtcdLog, log)->client);
}

EtcdClient *etcd_log_client(SharedLog *shared)
{
        return container_of(shared, EtcdLog, log)->client;
}

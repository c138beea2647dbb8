/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Liveness of hosts: alive/NUMBER exists while the process of a host has its lease. */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/etcd-log/etcd-log-internal.h"
#include "daemon/etcd/etcd-timer.h"

#define LEASE_TTL_S 10
#define CHECK_MS    5000U
#define AWAY_MS     30000U

static void on_put(int r, const EtcdReply *reply _unused_, void *userdata)
{
        EtcdLogAlive *alive = &((EtcdLog *) userdata)->alive;

        alive->put_call = NULL;
        alive->is_put = r == 0; /* else the next check puts it again */
}

static void put_key(EtcdLog *log)
{
        char name[sizeof(ETCD_LOG_ALIVE) + 3];
        _cleanup_(freep) char *key = NULL;
        EtcdOp put = {.kind = ETCD_OP_PUT};

        (void) snprintf(name, sizeof(name), ETCD_LOG_ALIVE "%03u", log->host.number);
        key = etcd_log_key(log, name);
        if (!key)
                return;
        put.put = (EtcdPut){.key = etcd_bytes(key),
                            .value = etcd_bytes(log->host.name),
                            .lease = etcd_lease_id(log->alive.lease)};
        (void) etcd_txn_start(log->client, &(EtcdTxn){.success = &put, .n_success = 1}, NULL,
                              on_put, log, &log->alive.put_call);
}

static void drop_lease(EtcdLogAlive *alive)
{
        alive->put_call = etcd_call_cancel(alive->put_call);
        alive->is_put = false;
        alive->lease = etcd_lease_free(alive->lease);
}

static void on_lease(EtcdLease *lease, int error, void *userdata)
{
        EtcdLog *log = userdata;

        switch (etcd_lease_state(lease)) {
        case ETCD_LEASE_HELD:
                put_key(log);
                break;
        case ETCD_LEASE_FAILED:
                log_warning("Failed to get a lease of etcd: %s; retrying", etcd_error_text(error));
                drop_lease(&log->alive);
                break;
        case ETCD_LEASE_LOST:
                drop_lease(&log->alive);
                break;
        case ETCD_LEASE_GRANTING:
                break;
        }
}

static void keep_key(EtcdLog *log)
{
        EtcdLogAlive *alive = &log->alive;

        if (!alive->lease)
                (void) etcd_lease_new(log->client, LEASE_TTL_S, on_lease, log, &alive->lease);
        else if (etcd_lease_state(alive->lease) == ETCD_LEASE_HELD && !alive->is_put &&
                 !alive->put_call)
                put_key(log);
}

/* Other hosts */

static void note_hosts(const EtcdLog *log, const EtcdRangeReply *range, const char *directory,
                       bool ret[static HOST_NUMBER_MAX + 1])
{
        for (size_t i = 0; i < range->n_kvs; i++) {
                unsigned n;

                if (etcd_log_parse_host(log, &range->kvs[i], directory, &n))
                        ret[n] = true;
        }
}

/* After a pause of this process, it is not known how long a host has been away. */
static void forget_absences(EtcdLogAlive *alive)
{
        memset(alive->away_since_ms, 0, sizeof(alive->away_since_ms));
}

static void on_check(int r, const EtcdReply *reply, void *userdata)
{
        EtcdLog *log = userdata;
        EtcdLogAlive *alive = &log->alive;
        bool exists[HOST_NUMBER_MAX + 1] = {}, lives[HOST_NUMBER_MAX + 1] = {};
        uint64_t now_ms = monotonic_ms();

        alive->check_call = NULL;
        if (r != 0 || now_ms - alive->checked_at_ms > 3 * CHECK_MS)
                forget_absences(alive);
        alive->checked_at_ms = now_ms;
        if (r != 0)
                return;
        note_hosts(log, &reply->txn.replies[0].range, ETCD_LOG_HOSTS, exists);
        note_hosts(log, &reply->txn.replies[1].range, ETCD_LOG_ALIVE, lives);
        for (unsigned n = 0; n <= HOST_NUMBER_MAX; n++) {
                uint64_t *since_ms = &alive->away_since_ms[n];

                if (!exists[n] || lives[n] || n == log->host.number)
                        *since_ms = 0;
                else if (*since_ms == 0)
                        *since_ms = now_ms;
                else if (now_ms - *since_ms >= AWAY_MS && log->follower.away)
                        log->follower.away(n, log->follower.userdata);
        }
}

static void check_hosts(EtcdLog *log)
{
        _cleanup_(freep) char *hosts = etcd_log_key(log, ETCD_LOG_HOSTS),
                              *alive = etcd_log_key(log, ETCD_LOG_ALIVE);
        uint8_t hosts_end[256], alive_end[256];
        EtcdOp ops[] = {{.kind = ETCD_OP_RANGE}, {.kind = ETCD_OP_RANGE}};

        if (!hosts || !alive || log->alive.check_call)
                return;
        ops[0].range = (EtcdRange){.key = etcd_bytes(hosts),
                                   .range_end = etcd_prefix_end(etcd_bytes(hosts), hosts_end),
                                   .keys_only = true};
        ops[1].range = (EtcdRange){.key = etcd_bytes(alive),
                                   .range_end = etcd_prefix_end(etcd_bytes(alive), alive_end),
                                   .keys_only = true};
        (void) etcd_txn_start(log->client, &(EtcdTxn){.success = ops, .n_success = ARRAY_SIZE(ops)},
                              NULL, on_check, log, &log->alive.check_call);
}

static int on_time(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        EtcdLog *log = userdata;

        if (log->host.claimed && etcd_client_state(log->client) == ETCD_CLIENT_SERVING) {
                keep_key(log);
                check_hosts(log);
                etcd_log_repeat_reachable(log);
        }
        etcd_timer_set(log->alive.timer, monotonic_ms() + CHECK_MS);
        return 0;
}

int etcd_log_alive_set_up(EtcdLog *log)
{
        int r;

        r = etcd_timer_new(log->event, on_time, log, &log->alive.timer);
        if (r == 0)
                etcd_timer_set(log->alive.timer, monotonic_ms() + CHECK_MS);
        return r;
}

void etcd_log_alive_start(EtcdLog *log)
{
        keep_key(log);
}

void etcd_log_alive_stop(EtcdLog *log)
{
        drop_lease(&log->alive);
}

void etcd_log_alive_destroy(EtcdLog *log)
{
        etcd_call_cancel(log->alive.put_call);
        etcd_call_cancel(log->alive.check_call);
        etcd_lease_free(log->alive.lease);
        sd_event_source_disable_unref(log->alive.timer);
}

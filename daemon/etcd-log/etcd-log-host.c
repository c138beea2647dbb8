/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The number of this host, which makes ids unique: claimed when the log is first reached. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/etcd-log/etcd-log-internal.h"

#define LEAVE_MS 5000U

/* NAME EPOCH BATCH */
char *etcd_log_host_value(const EtcdLog *log, uint64_t batch)
{
        char *value;

        if (asprintf(&value, "%s %016" PRIx64 " %" PRIu64, log->host.name, log->host.epoch, batch) <
            0)
                return NULL;
        return value;
}

bool etcd_log_parse_host(const EtcdLog *log, const EtcdKv *kv, const char *directory, unsigned *ret)
{
        const char *number = (const char *) kv->key.data + log->prefix_len + strlen(directory);
        unsigned n;
        char rest;

        if (strspn(number, "0123456789") != 3 || sscanf(number, "%3u%c", &n, &rest) != 1 ||
            n > HOST_NUMBER_MAX)
                return false;
        *ret = n;
        return true;
}

static bool has_name(const EtcdLog *log, const EtcdKv *kv)
{
        size_t len = strlen(log->host.name);
        const char *value = kv->value.data;

        return kv->value.len > len && memcmp(value, log->host.name, len) == 0 && value[len] == ' ';
}

/* Finds the number of this host, or the lowest one that is free. */
static bool choose_number(EtcdLog *log, const EtcdRangeReply *hosts)
{
        bool taken[HOST_NUMBER_MAX + 1] = {};
        unsigned n;

        log->host.revision = 0;
        for (size_t i = 0; i < hosts->n_kvs; i++) {
                if (!etcd_log_parse_host(log, &hosts->kvs[i], ETCD_LOG_HOSTS, &n))
                        continue;
                taken[n] = true;
                if (has_name(log, &hosts->kvs[i])) {
                        log->host.number = n;
                        log->host.revision = hosts->kvs[i].mod_revision;
                        return true;
                }
        }
        for (n = 0; n <= HOST_NUMBER_MAX && taken[n]; n++)
                ;
        log->host.number = n;
        return n <= HOST_NUMBER_MAX;
}

/* Retries in a second; meanwhile changes fail. */
static void on_failed(EtcdLog *log, int r)
{
        if (!log->host.claim_failed && r > 0)
                log_error("Failed to join the shared store: %s", etcd_error_text(r));
        log->host.claim_failed = true;
        etcd_log_tell_reachable(log);
        etcd_log_retry_soon(log);
}

static void on_claimed(int r, const EtcdReply *reply, void *userdata)
{
        EtcdLog *log = userdata;

        log->host.call = NULL;
        if (r != 0) {
                on_failed(log, r);
                return;
        }
        if (!reply->txn.succeeded) { /* another host was first */
                etcd_log_host_claim(log);
                return;
        }
        log->host.claim_failed = false;
        log->host.revision = reply->header.revision;
        log->host.claimed = true;
        if (log->host.on_claimed)
                log->host.on_claimed(log->host.number, log->host.userdata);
        etcd_log_alive_start(log);
        etcd_log_tell_reachable(log);
}

static int claim_number(EtcdLog *log)
{
        _cleanup_(freep) char *value = etcd_log_host_value(log, 0);
        char name[sizeof(ETCD_LOG_HOSTS) + 3];

        (void) snprintf(name, sizeof(name), ETCD_LOG_HOSTS "%03u", log->host.number);
        free(log->host.key);
        log->host.key = etcd_log_key(log, name);
        if (!value || !log->host.key)
                return -ENOMEM;
        return etcd_txn_start(log->client,
                              &(EtcdTxn){
                                      .compares = &(EtcdCompare){.target = ETCD_COMPARE_MOD,
                                                                 .result = ETCD_COMPARE_EQUAL,
                                                                 .key = etcd_bytes(log->host.key),
                                                                 .number = log->host.revision},
                                      .n_compares = 1,
                                      .success = &(EtcdOp){.kind = ETCD_OP_PUT,
                                                           .put = {.key = etcd_bytes(log->host.key),
                                                                   .value = etcd_bytes(value)}},
                                      .n_success = 1,
                              },
                              NULL, on_claimed, log, &log->host.call);
}

static void on_hosts(int r, const EtcdReply *reply, void *userdata)
{
        EtcdLog *log = userdata;

        log->host.call = NULL;
        if (r == 0 && !choose_number(log, &reply->range)) {
                log_error("Failed to join the shared store: it has %u hosts already; remove a key "
                          "below %s" ETCD_LOG_HOSTS,
                          HOST_NUMBER_MAX + 1, log->prefix);
                r = -EUSERS;
        }
        if (r == 0)
                r = claim_number(log);
        if (r != 0)
                on_failed(log, r);
}

void etcd_log_host_claim(EtcdLog *log)
{
        _cleanup_(freep) char *key = NULL;
        uint8_t end[256];
        int r = -ENOMEM;

        if (log->host.claimed || log->host.call || log->host.has_left)
                return;
        key = etcd_log_key(log, ETCD_LOG_HOSTS);
        if (key)
                r = etcd_range_start(
                        log->client,
                        &(EtcdRange){.key = etcd_bytes(key),
                                     .range_end = etcd_prefix_end(etcd_bytes(key), end)},
                        NULL, on_hosts, log, &log->host.call);
        if (r < 0)
                etcd_log_retry_soon(log);
}

static void on_left(int r, const EtcdReply *reply, void *userdata)
{
        EtcdLog *log = userdata;

        log->host.call = NULL;
        log->host.on_left(r == 0 && reply->txn.succeeded ? 0 : -EAGAIN, log->host.left_userdata);
}

int etcd_log_host_leave(EtcdLog *log, LogLeaveFunc func, void *userdata)
{
        EtcdOp ops[] = {{.kind = ETCD_OP_DELETE}, {.kind = ETCD_OP_DELETE}};
        char name[sizeof(ETCD_LOG_ALIVE) + 3];
        _cleanup_(freep) char *alive = NULL;

        if (!etcd_log_commit_is_ready(log) || log->host.call ||
            etcd_client_state(log->client) != ETCD_CLIENT_SERVING)
                return -EAGAIN;
        (void) snprintf(name, sizeof(name), ETCD_LOG_ALIVE "%03u", log->host.number);
        alive = etcd_log_key(log, name);
        if (!alive)
                return -ENOMEM;
        log->host.has_left = true;
        log->host.claimed = false;
        log->host.on_left = func;
        log->host.left_userdata = userdata;
        etcd_log_alive_stop(log);
        ops[0].delete_range.key = etcd_bytes(log->host.key);
        ops[1].delete_range.key = etcd_bytes(alive);
        return etcd_txn_start(log->client,
                              &(EtcdTxn){
                                      .compares = &(EtcdCompare){.target = ETCD_COMPARE_MOD,
                                                                 .result = ETCD_COMPARE_EQUAL,
                                                                 .key = etcd_bytes(log->host.key),
                                                                 .number = log->host.revision},
                                      .n_compares = 1,
                                      .success = ops,
                                      .n_success = ARRAY_SIZE(ops),
                              },
                              &(EtcdCallOptions){.timeout_ms = LEAVE_MS}, on_left, log,
                              &log->host.call);
}

/* An event of this host's key after its last change by this process, which would have its epoch. */
static bool is_of_rival(const EtcdLog *log, const EtcdKv *kv, const char *own)
{
        return kv->key.len == strlen(log->host.key) && streq(kv->key.data, log->host.key) &&
               kv->mod_revision > log->host.revision && has_name(log, kv) &&
               (kv->value.len < strlen(own) || memcmp(kv->value.data, own, strlen(own)) != 0);
}

void etcd_log_host_see(EtcdLog *log, const EtcdWatchNews *news)
{
        _cleanup_(freep) char *own = NULL;

        if (!log->host.claimed)
                return;
        own = etcd_log_host_value(log, 0);
        if (!own)
                return;
        own[strlen(own) - 1] = '\0'; /* without the number of the batch */
        for (size_t i = 0; i < news->n_events; i++)
                if (is_of_rival(log, &news->events[i].kv, own))
                        log->host.rival_at_ms = monotonic_ms();
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/etcd/etcd-client-internal.h"
#include "daemon/etcd/etcd-lease.h"

#define GRANT_TIMEOUT_MS  60000U
#define REVOKE_TIMEOUT_MS 5000U
#define RETRY_MS          200U

struct EtcdLease {
        EtcdClient *client;
        EtcdLeaseFunc func;
        void *userdata;
        EtcdLeaseState state;
        int64_t id;
        int64_t wanted_ttl_s;
        uint64_t ttl_ms;
        uint64_t sent_at_ms; /* of the request in flight, in CLOCK_MONOTONIC */
        uint64_t expires_at_ms;
        sd_event_source *timer; /* the next keepalive, or the expiry */
        EtcdCall *call;         /* in flight, or NULL */
};

static void set_state(EtcdLease *lease, EtcdLeaseState state, int error)
{
        lease->state = state;
        lease->func(lease, error, lease->userdata);
}

static void lose(EtcdLease *lease)
{
        lease->call = etcd_call_cancel(lease->call);
        etcd_timer_stop(lease->timer);
        set_state(lease, ETCD_LEASE_LOST, 0);
}

/* The member has counted from the arrival of the request, which was not before it was sent. */
static void extend(EtcdLease *lease, int64_t ttl_s)
{
        lease->ttl_ms = (uint64_t) ttl_s * 1000;
        lease->expires_at_ms = lease->sent_at_ms + lease->ttl_ms;
        etcd_timer_set(lease->timer, lease->sent_at_ms + lease->ttl_ms / 3);
}

static bool ttl_is_right(int64_t ttl_s)
{
        return ttl_s > 0 && ttl_s <= UINT32_MAX;
}

static void on_kept_alive(int r, const EtcdReply *reply, void *userdata)
{
        EtcdLease *lease = userdata;

        lease->call = NULL;
        if (r == ETCD_ERROR_LEASE_NOT_FOUND ||
            (r == 0 && (reply->lease.id != lease->id || !ttl_is_right(reply->lease.ttl_s))))
                lose(lease);
        else if (r == 0)
                extend(lease, reply->lease.ttl_s);
        else
                etcd_timer_set(lease->timer, monotonic_ms() + RETRY_MS);
}

static void keep_alive(EtcdLease *lease)
{
        const EtcdCallOptions options = {.timeout_ms = lease->expires_at_ms - monotonic_ms()};
        int r;

        lease->sent_at_ms = monotonic_ms();
        r = etcd_lease_keepalive_start(lease->client, lease->id, &options, on_kept_alive, lease,
                                       &lease->call);
        if (r < 0)
                log_debug("Failed to keep a lease alive: %s", etcd_error_text(r));
        etcd_timer_set(lease->timer, r < 0 ? lease->sent_at_ms + RETRY_MS : lease->expires_at_ms);
}

static int start_grant(EtcdLease *lease);

static void on_granted(int r, const EtcdReply *reply, void *userdata)
{
        EtcdLease *lease = userdata;

        lease->call = NULL;
        if (r == ETCD_ERROR_UNAVAILABLE || r == ETCD_ERROR_NO_LEADER)
                r = start_grant(lease);
        else if (r == 0 && !ttl_is_right(reply->lease.ttl_s))
                r = ETCD_ERROR_MALFORMED;
        if (r != 0) {
                set_state(lease, ETCD_LEASE_FAILED, r);
        } else if (reply) {
                lease->id = reply->lease.id;
                extend(lease, reply->lease.ttl_s);
                set_state(lease, ETCD_LEASE_HELD, 0);
        }
}

/* A grant whose reply is lost expires by itself. */
static int start_grant(EtcdLease *lease)
{
        const EtcdCallOptions options = {.timeout_ms = GRANT_TIMEOUT_MS};

        lease->sent_at_ms = monotonic_ms();
        return etcd_lease_grant_start(lease->client, lease->wanted_ttl_s, &options, on_granted,
                                      lease, &lease->call);
}

static int on_timer(sd_event_source *timer _unused_, uint64_t usec _unused_, void *userdata)
{
        EtcdLease *lease = userdata;

        if (monotonic_ms() >= lease->expires_at_ms)
                lose(lease);
        else if (!lease->call)
                keep_alive(lease);
        return 0;
}

int etcd_lease_new(EtcdClient *client, int64_t ttl_s, EtcdLeaseFunc func, void *userdata,
                   EtcdLease **ret)
{
        _cleanup_(etcd_lease_freep) EtcdLease *lease = calloc(1, sizeof(EtcdLease));
        int r;

        if (!lease)
                return -ENOMEM;
        assert(ttl_is_right(ttl_s));
        lease->client = client;
        lease->func = func;
        lease->userdata = userdata;
        lease->wanted_ttl_s = ttl_s;
        r = etcd_timer_new(client->event, on_timer, lease, &lease->timer);
        if (r == 0)
                r = start_grant(lease);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(lease);
        return 0;
}

static void on_revoked(int r, const EtcdReply *reply _unused_, void *userdata _unused_)
{
        if (r != 0)
                log_debug("Failed to revoke a lease: %s", etcd_error_text(r));
}

EtcdLease *etcd_lease_free(EtcdLease *lease)
{
        const EtcdCallOptions options = {.timeout_ms = REVOKE_TIMEOUT_MS};
        EtcdCall *call;

        if (!lease)
                return NULL;
        etcd_call_cancel(lease->call);
        /* The client owns the call. */
        if (lease->state == ETCD_LEASE_HELD)
                (void) etcd_lease_revoke_start(lease->client, lease->id, &options, on_revoked, NULL,
                                               &call);
        sd_event_source_disable_unref(lease->timer);
        free(lease);
        return NULL;
}

EtcdLeaseState etcd_lease_state(const EtcdLease *lease)
{
        return lease->state;
}

int64_t etcd_lease_id(const EtcdLease *lease)
{
        return lease->id;
}

uint64_t etcd_lease_expires_at_ms(const EtcdLease *lease)
{
        return lease->expires_at_ms;
}

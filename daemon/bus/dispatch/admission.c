/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/param.h>

#include "base/clock.h"
#include "daemon/bus/dispatch/admission.h"
#include "daemon/metrics/counter.h"
#include "dbus/error.h"

typedef struct Rate {
        uint32_t per_s, burst;
} Rate;

/* Calls of a uid without a grant. */
static const Rate calls_rate = {.per_s = 20, .burst = 200};

/* Replies LimitsExceeded, and the costs of standard calls, see standard_cost(): for a uid without
 * a grant, and with one. */
static const Rate refusals_rate[] = {{.per_s = 10, .burst = 20}, {.per_s = 4000, .burst = 4000}};
static const Rate standard_rate[] = {{.per_s = 500, .burst = 2000}, {.per_s = 2000, .burst = 4000}};
/* At most, while the bus is behind in reading from the daemon: all replies wait in one socket. */
static const Rate refusals_rate_behind = {.per_s = 10, .burst = 20};
static const Rate standard_rate_behind = {.per_s = 100, .burst = 150};

/* Unread bytes of a connection whose calls are still served. */
#define UNREAD_MAX ((size_t) 128 * 1024)
/* And of all connections: a quarter of the 127 MiB that dbus-daemon keeps for the daemon. */
#define UNREAD_ALL_MAX ((size_t) 32 * 1024 * 1024)

#define REFUSAL_BYTES ((size_t) 256)

/* Requests of a uid that wait for their connections to read, and for how long. */
#define PARKED_MAX    16U
#define PARKED_MAX_US (5U * 1000U * 1000U)

/* Bulk calls of a uid in flight or waiting; each may be a megabyte. */
#define BULK_MAX 16U

static const char does_not_read[] = "This connection has not read its replies";

static bool take(TokenBucket *bucket, const Rate *rate, uint32_t n)
{
        return token_bucket_take(bucket, monotonic_ms(), rate->per_s, rate->burst, n);
}

static Rate slower(const Rate *a, const Rate *b)
{
        return (Rate){.per_s = MIN(a->per_s, b->per_s), .burst = MIN(a->burst, b->burst)};
}

static bool is_granted(const Bus *bus, Peer *peer)
{
        return peer_is_granted(peer, &bus->grants, bus->grants_generation);
}

/* Unread bytes that a connection may have: its share only if all of them have much. */
static size_t unread_max(const Bus *bus)
{
        size_t share = UNREAD_ALL_MAX / peers_count(bus->peers);

        return peers_unread_bytes(bus->peers) < UNREAD_ALL_MAX || share > UNREAD_MAX ? UNREAD_MAX
                                                                                     : share;
}

/* Whether the connection has read all but so much, times a factor. */
static bool has_room(const Bus *bus, Peer *peer, unsigned factor)
{
        return unread_has_room(peer_unread(peer), factor * unread_max(bus));
}

/* Whether one more reply LimitsExceeded may be sent. */
static bool may_refuse(const Bus *bus, Peer *peer)
{
        Quota *quota = peer ? peer_quota(peer) : peers_strangers(bus->peers);
        Rate rate = refusals_rate[!peer || is_granted(bus, peer)];

        if (peer && !has_room(bus, peer, 2))
                return false;
        if (!turns_have_room(bus->turns, TURN_SINGLE))
                rate = slower(&rate, &refusals_rate_behind);
        return take(&quota->refusals, &rate, 1);
}

static bool has_method(const sd_bus_vtable *vtable, sd_bus_message *m)
{
        for (; vtable->type != _SD_BUS_VTABLE_END; vtable++)
                if (vtable->type == _SD_BUS_VTABLE_METHOD &&
                    streq_ptr(vtable->x.method.member, sd_bus_message_get_member(m)))
                        return streq_ptr(vtable->x.method.signature ?: "",
                                         sd_bus_message_get_signature(m, true));
        return false;
}

/* Whether the call becomes a request. sd-bus answers all others. */
static bool is_request(Bus *bus, sd_bus_message *m)
{
        const char *path = sd_bus_message_get_path(m);
        const char *interface = sd_bus_message_get_interface(m);
        const BusInterface *i = bus->interfaces;

        while (i->name && !streq_ptr(i->name, interface))
                i++;
        if (!i->name || !has_method(i->vtable, m))
                return false;
        if (!i->of_tenancies)
                return streq(path, PASSLOCK_OBJECT_PATH);
        return bus_find_path(bus, path);
}

/* The cost of a call that sd-bus answers, in hundreds of bytes of its reply, which may quote the
 * call. 0 for a request. */
static uint32_t standard_cost(Bus *bus, sd_bus_message *m)
{
        const char *member = sd_bus_message_get_member(m);

        if (is_request(bus, m))
                return 0;
        if (streq_ptr(member, "Introspect") || streq_ptr(member, "GetManagedObjects"))
                return 150;
        if (streq_ptr(member, "GetAll"))
                return 10;
        return 1 + (uint32_t) strlen(sd_bus_message_get_path(m)) / 100;
}

static bool take_standard(const Bus *bus, Quota *quota, bool granted, uint32_t cost)
{
        Rate rate = standard_rate[granted];

        if (!turns_have_room(bus->turns, TURN_SINGLE))
                rate = slower(&rate, &standard_rate_behind);
        return take(&quota->standard, &rate, cost);
}

/* A few requests of a connection that does not read may wait until it has read. */
static bool may_wait_for_room(const Quota *quota)
{
        return quota->turns[TURN_SINGLE].n_parked + quota->turns[TURN_BULK].n_parked < PARKED_MAX;
}

/* Takes what a call costs. Returns NULL, or the limit that it exceeds. */
static const char *charge(const Bus *bus, Peer *peer, uint32_t cost)
{
        Quota *quota = peer ? peer_quota(peer) : peers_strangers(bus->peers);
        bool granted = !peer || is_granted(bus, peer);

        /* An old estimate may be too high: standard calls cannot wait for a better one. */
        if (peer && (cost > 0 ? !has_room(bus, peer, 2)
                              : !has_room(bus, peer, 1) && !may_wait_for_room(quota)))
                return does_not_read;
        if (!granted && !take(&quota->calls, &calls_rate, 1))
                return "Too many calls without a grant";
        if (cost > 0 && !take_standard(bus, quota, granted, cost))
                return "Too many calls of standard interfaces";
        if (cost > 0 && peer)
                unread_add(peer_unread(peer), cost * (size_t) 100);
        return NULL;
}

/* The audit records of refused requests are in request.c. */
static void record_refusal(const Bus *bus, sd_bus_message *m, Peer *peer, const char *text)
{
        AuditOrigin origin = {};

        if (!peers_may_record(bus->peers, peer))
                return;
        (void) snprintf(origin.method, sizeof(origin.method), "%s", sd_bus_message_get_member(m));
        if (peer) {
                origin.has_uid = true;
                origin.uid = peer_caller(peer)->uid;
        }
        audit(EVENT_CALL_REFUSED, .origin = &origin,
              .sender = peer ? NULL : sd_bus_message_get_sender(m), .error = ERROR_LIMITS_EXCEEDED,
              .text = text);
}

static void refuse_message(sd_bus_message *m, Peer *peer, const char *text)
{
        (void) sd_bus_reply_method_errorf(m, error_dbus_name(ERROR_LIMITS_EXCEEDED), "%s", text);
        if (peer)
                unread_add(peer_unread(peer), REFUSAL_BYTES);
}

int admission_filter(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        Bus *bus = userdata;
        uint32_t cost;
        const char *text;
        Peer *peer;

        if (sd_bus_message_is_method_call(m, NULL, NULL) <= 0)
                return 0;
        cost = standard_cost(bus, m);
        peer = peers_get(bus->peers, sd_bus_message_get_sender(m), true);
        /* dispatch_method() looks the caller up. */
        if (!peer && cost == 0)
                return 0;
        text = charge(bus, peer, cost);
        if (!text)
                return 0;
        turns_read_ahead(bus->turns);
        counter_add(COUNTER_MESSAGES_REFUSED, 1);
        record_refusal(bus, m, peer, text);
        if (may_refuse(bus, peer))
                refuse_message(m, peer, text);
        return 1;
}

/* Returns LIMITS_EXCEEDED, or CALL_ANSWERED without a reply. */
static int refuse(Request *request, const char *text)
{
        if (may_refuse(request->bus, request->peer))
                return request_explain(request, ERROR_LIMITS_EXCEEDED, "%s", text);
        request_free(request);
        return CALL_ANSWERED;
}

int admission_check(Request *request)
{
        const char *text = charge(request->bus, request->peer, 0);

        return text ? refuse(request, text) : 0;
}

int admission_check_room(Request *request)
{
        uint64_t waited_us = monotonic_us() - request->origin.begun_at_us;
        bool may_wait = waited_us < PARKED_MAX_US || unread_is_queried(peer_unread(request->peer));

        if (has_room(request->bus, request->peer, 1))
                return 0;
        return may_wait && may_wait_for_room(peer_quota(request->peer)) && !request->bus->stopping
                       ? -EAGAIN
                       : refuse(request, does_not_read);
}

int admission_take_quota(Request *request)
{
        Quota *quota = peer_quota(request->peer);

        if (quota->n_pending >= request->bus->max_pending_per_user)
                return refuse(request, "Too many calls of this user are in flight");
        if (request->method->is_bulk && quota->n_bulk >= BULK_MAX)
                return refuse(request, "Too many bulk calls of this user are in flight");
        quota->n_pending++;
        quota->n_bulk += request->method->is_bulk;
        request->counted = true;
        return 0;
}

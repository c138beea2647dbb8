/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/bus/dispatch/access-check.h"
#include "daemon/bus/dispatch/admission.h"
#include "daemon/bus/dispatch/api-slots.h"
#include "daemon/bus/dispatch/authorization.h"
#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/bus/dispatch/message-size.h"
#include "daemon/metrics/call-counts.h"
#include "dbus/error.h"

/* Imports wait while more changes than this have not been sent to all subscribers. */
#define UNSENT_BYTES_MAX ((size_t) 4 * 1024 * 1024)

const char *dispatch_grant_name(const Request *request)
{
        AccessDecision decision = access_check(request, NULL);

        return access_is_allowed(decision.verdict) && decision.grant ? decision.grant->name : NULL;
}

static int refuse_rate(Request *request)
{
        return request_explain(request, ERROR_LIMITS_EXCEEDED,
                               "More calls than MaxCallsPerSec= of the grant allows");
}

int dispatch_authorize_rp(Request *request, const char *rp_id)
{
        AccessVerdict verdict = access_check_take(request, rp_id);

        if (access_is_allowed(verdict))
                return 0;
        return verdict == ACCESS_LIMITED ? refuse_rate(request)
                                         : access_check_deny(request, rp_id, NULL);
}

/* Methods with a relying party count once it is known, see dispatch_authorize_rp(). */
static AccessVerdict check_grants(Request *request)
{
        if (request->method->for_everybody)
                return ACCESS_ALLOWED;
        if (request->method->has_rp)
                return access_check_any_rp(request);
        return access_check_take(request, NULL);
}

static void run(Request *request)
{
        int r;

        if (request->bus->stopping && request->method->is_long) {
                request_free(request);
                return;
        }
        r = request->method->run(request, request->message);
        if (r != 0 && r != CALL_ANSWERED)
                request_fail(request, r);
}

static void on_authorization(Request *request, int r)
{
        if (r != 0) {
                request_fail(request, r);
                return;
        }
        request->authorized = true;
        peer_set_authorized(request->peer);
        run(request);
}

/* Whether the subscribers have to be sent earlier changes of links first. Single changes do not
 * wait: a subscriber that reads slowly would delay all writers. */
static bool waits_for_subscribers(const Request *request)
{
        BusTenancy *object;

        if (!request->method->is_bulk || !(request->method->rights & RIGHT_LINKS_WRITE) ||
            request->bus->stopping)
                return false;
        object = bus_find_tenancy(request->bus, request->label);
        if (!object || object->unsent_bytes < UNSENT_BYTES_MAX)
                return false;
        object->held_at_us = monotonic_us();
        return true;
}

/* Runs the method if a grant allows it, and asks polkit otherwise. */
static int dispatch(Request *request)
{
        AccessVerdict verdict = check_grants(request);
        bool granted = access_is_allowed(verdict);

        if (verdict == ACCESS_LIMITED)
                return refuse_rate(request);
        if (!granted && !request->method->question)
                return access_check_deny(request, NULL, NULL);
        if (!request_is_current(request))
                return request_explain(request, ERROR_UNKNOWN_OBJECT,
                                       "A reload has assigned the label to another tenancy; retry");
        if (!granted) {
                api_slots_give_back(request);
                return authorization_ask(request, request->method->question, on_authorization);
        }
        request->origin.decided_by = request->origin.uid == 0 ? DECIDED_BY_ROOT : DECIDED_BY_GRANT;
        run(request);
        return 0;
}

static void end_unless_started(Request *request, int r)
{
        if (r != 0 && r != CALL_ANSWERED)
                request_fail(request, r);
}

bool dispatch_request(Request *request)
{
        unsigned *n_parked = peer_n_parked(request->peer);
        int r;

        /* Requests of a connection that does not read are parked in their order. A request that
         * waits for a slot of the API does not hold up those that need none. */
        request->turn.n_parked = n_parked;
        r = *n_parked > 0 ? -EAGAIN : admission_check_room(request);
        if (r == 0) {
                request->turn.n_parked = NULL;
                r = waits_for_subscribers(request) ? -EAGAIN : api_slots_take(request);
        }
        if (r == -EAGAIN)
                return false;
        end_unless_started(request, r == 0 ? dispatch(request) : r);
        return true;
}

/* The bus allows messages thousands of times larger than any method needs. */
static int check_size(Request *request)
{
        int r = message_check_size(request->message,
                                   request->method->is_bulk ? MESSAGE_BULK_MAX : MESSAGE_MAX);

        if (sd_bus_message_rewind(request->message, true) < 0)
                return -ENOMEM;
        return r == -EMSGSIZE ? request_explain(request, ERROR_INVALID_ARGS,
                                                "The message is larger than any valid one")
                              : r;
}

/* Queues a request that passed the rate limits. */
static int queue(Request *request)
{
        TurnKind kind = request->method->is_bulk ? TURN_BULK : TURN_SINGLE;
        int r;

        request->origin.has_uid = true;
        request->origin.uid = peer_caller(request->peer)->uid;
        r = admission_take_quota(request);
        if (r == 0 && turns_add(request->bus->turns, &peer_quota(request->peer)->turns[kind], kind,
                                &request->turn))
                r = check_size(request);
        return r;
}

static void on_peer(int r, Peer *peer, void *userdata)
{
        Request *request = userdata;

        /* A timeout is transient: do not report AccessDenied for it. */
        if (r == -ETIMEDOUT || r == -ENOMEM) {
                request_fail(request,
                             request_explain(request, ERROR_LIMITS_EXCEEDED,
                                             "Failed to look up the caller's credentials: the bus "
                                             "did not reply in time; try again later"));
                return;
        }
        if (r < 0) {
                request_fail(request, ERROR_ACCESS_DENIED);
                return;
        }
        request->peer = peer_ref(peer);
        r = admission_check(request);
        end_unless_started(request, r != 0 ? r : queue(request));
}

int dispatch_method(Bus *bus, const BusTenancy *object, sd_bus_message *message,
                    const Method *method)
{
        Request *request;
        int r;

        r = request_new(bus, object, message, method, &request);
        if (r < 0)
                return r;
        if (!peers_get(bus->peers, sd_bus_message_get_sender(message), false)) {
                /* The request waits for the credentials of its caller. */
                r = check_size(request);
                if (r != 0) {
                        request_fail(request, r);
                        return 1;
                }
        }
        r = peers_find(bus->peers, sd_bus_message_get_sender(message), bus->max_pending_per_user,
                       on_peer, request, &request->peer);
        if (r < 0)
                request_fail(request, r == -EBUSY ? ERROR_LIMITS_EXCEEDED : r);
        else if (r > 0)
                end_unless_started(request, queue(request));
        return 1;
}

void dispatch_cancel_long(Bus *bus)
{
        for (Request *request = LIST_FIRST(&bus->requests), *next; request; request = next) {
                next = LIST_NEXT(request, entry);
                if (request->method->is_long && request->call)
                        request_free(request);
        }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/bus/dispatch/authorization.h"
#include "daemon/bus/dispatch/dispatch.h"
#include "dbus/error.h"

static bool is_granted(const Request *request, const char *rp_id)
{
        const Caller *caller = peer_caller(request->peer);

        return grants_allow(&request->bus->grants, caller, request->label, request->method->rights,
                            rp_id);
}

int dispatch_authorize_rp(const Request *request, const char *rp_id)
{
        return is_granted(request, rp_id) ? 0 : ERROR_ACCESS_DENIED;
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
        run(request);
}

/* Counts the request against the quota of its uid. */
static int take_quota(Request *request)
{
        Quota *quota = peer_quota(request->peer);

        if (quota->n_pending >= request->bus->max_pending_per_user)
                return ERROR_LIMITS_EXCEEDED;
        quota->n_pending++;
        request->counted = true;
        return 0;
}

/* Runs the method if a grant allows it, and asks polkit otherwise. */
static int dispatch(Request *request)
{
        bool granted = request->method->for_everybody || is_granted(request, NULL);
        int r;

        request->origin.has_uid = true;
        request->origin.uid = peer_caller(request->peer)->uid;
        if (!granted && !request->method->question)
                return ERROR_ACCESS_DENIED;
        if (!request_is_current(request))
                return request_explain(request, ERROR_UNKNOWN_OBJECT,
                                       "A reload has assigned the label to another tenancy; retry");
        r = take_quota(request);
        if (r != 0)
                return r;
        if (!granted)
                return authorization_ask(request, request->method->question, on_authorization);
        request->origin.decided_by = request->origin.uid == 0 ? DECIDED_BY_ROOT : DECIDED_BY_GRANT;
        run(request);
        return 0;
}

static void dispatch_or_fail(Request *request)
{
        int r = dispatch(request);

        if (r != 0)
                request_fail(request, r);
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
        dispatch_or_fail(request);
}

int dispatch_method(Bus *bus, const BusTenancy *object, sd_bus_message *message,
                    const Method *method)
{
        Request *request;
        int r;

        r = request_new(bus, object, message, method, &request);
        if (r < 0)
                return r;
        r = peers_find(bus->peers, sd_bus_message_get_sender(message), bus->max_pending_per_user,
                       on_peer, request, &request->peer);
        if (r < 0)
                request_fail(request, r == -EBUSY ? ERROR_LIMITS_EXCEEDED : r);
        else if (r > 0)
                dispatch_or_fail(request);
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

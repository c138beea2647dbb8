/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/dispatch/request.h"

/*
 * Begins to serve a method call; every vtable handler returns this. `object` is NULL on the
 * manager.
 *
 *   1. The bus driver tells the caller's credentials, once a connection.     else AccessDenied
 *   2. The call is within the rate limits, see admission.h, and the uid has less than
 *      MaxPendingPerUser= calls in flight.                                   else LimitsExceeded
 *   3. The request waits for the turn of its uid, see turns.h.
 *   4. A grant gives the right, or else polkit authorizes the call.          else AccessDenied
 *   5. run() parses the arguments and starts a call of a use case.
 *   6. request_end() replies, once.
 */
int dispatch_method(Bus *bus, const BusTenancy *object, sd_bus_message *message,
                    const Method *method);

/* Serves a request whose turn it is. Returns false if the request has to wait longer. */
bool dispatch_request(Request *request);

/* Cancels calls that would delay a shutdown. Their callers get no reply, as after a crash. */
void dispatch_cancel_long(Bus *bus);

/* Whether a grant gives the request's right for this relying party. Returns 0, ACCESS_DENIED or
 * LIMITS_EXCEEDED. For methods that have has_rp. */
int dispatch_authorize_rp(Request *request, const char *rp_id);

/* The name of the first grant that gives the request's right, lent; NULL if none does. */
const char *dispatch_grant_name(const Request *request);

/*
 * Define call_NAME, a Method, and method_NAME(), a vtable handler on a tenancy's object or on the
 * manager that runs run_NAME(). The other members of the Method follow: DISPATCH_METHOD(exchange,
 * .rights = …).
 */
#define DISPATCH_METHOD(name, ...) \
        DISPATCH_HANDLER(name, ((BusTenancy *) userdata)->bus, userdata, __VA_ARGS__)
#define DISPATCH_MANAGER_METHOD(name, ...) DISPATCH_HANDLER(name, userdata, NULL, __VA_ARGS__)

#define DISPATCH_HANDLER(name, bus_, object_, ...) \
        static const Method call_##name = {.run = run_##name, __VA_ARGS__}; \
\
        static int method_##name(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) \
        { \
                return dispatch_method((bus_), (object_), m, &call_##name); \
        } \
        struct swallow_semicolon

/* Defines question_NAME: the action, the intent and the names of the arguments in it, see
 * question.h. */
#define DISPATCH_QUESTION(name, action_, intent_, ...) \
        static const Question question_##name = { \
                .action = QUESTION_ACTION(action_), \
                .intent = (intent_), \
                .arguments = {__VA_ARGS__}, \
        }

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/dispatch/request.h"

/*
 * Begins to serve a method call; every vtable handler returns this. `object` is NULL on the
 * manager.
 *
 *   1. The bus driver tells the caller's credentials, once a connection.     else AccessDenied
 *   2. A grant gives the right, or there is a question for polkit.            else AccessDenied
 *   3. The uid has less than MaxPendingPerUser= calls in flight.              else LimitsExceeded
 *   4. Without a grant, polkit authorizes the call.                          else AccessDenied
 *   5. run() parses the arguments and starts a call of a use case.
 *   6. request_end() replies, once.
 */
int dispatch_method(Bus *bus, const BusTenancy *object, sd_bus_message *message,
                    const Method *method);

/* Cancels calls that may take longer than a stop should. Their callers get no reply, as after a
 * crash. */
void dispatch_cancel_long(Bus *bus);

/* Whether a grant gives the request's right for this relying party. Returns 0 or ACCESS_DENIED. */
int dispatch_authorize_rp(const Request *request, const char *rp_id);

/* Defines method_NAME(), a vtable handler on a tenancy's object that runs run_NAME() for callers
 * with a right. */
#define DISPATCH_METHOD(name, right) \
        static int method_##name(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) \
        { \
                static const Method method = {.rights = (right), .run = run_##name}; \
                BusTenancy *object = userdata; \
\
                return dispatch_method(object->bus, object, m, &method); \
        }

/* The same for a method that polkit may authorize, too: DISPATCH_METHOD_ASKING(NAME, right, action,
 * intent, names of arguments…), see question.h. */
#define DISPATCH_METHOD_ASKING(name, right, action_, intent_, ...) \
        static int method_##name(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) \
        { \
                static const Question question = { \
                        .action = QUESTION_ACTION(action_), \
                        .intent = (intent_), \
                        .arguments = {__VA_ARGS__}, \
                }; \
                static const Method method = { \
                        .rights = (right), \
                        .question = &question, \
                        .run = run_##name, \
                }; \
                BusTenancy *object = userdata; \
\
                return dispatch_method(object->bus, object, m, &method); \
        }

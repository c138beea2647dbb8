/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/dispatch/request.h"

/*
 * Rate limits and back-pressure, so that a caller that floods the daemon or does not read its
 * replies costs nothing but its own service:
 *
 *   - A uid without a grant has a rate limit for all calls. Connections that polkit has authorized
 *     count as granted.
 *   - Every uid has a rate limit for calls that sd-bus answers: introspection, properties and the
 *     like.
 *   - A connection that does not read has no further calls served.
 *
 * Beyond a limit the reply is LimitsExceeded; beyond a limit of such replies there is none.
 */

/* The filter of all messages, `userdata` is the Bus: refuses calls of known callers that exceed a
 * limit. */
int admission_filter(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* The same for a request whose caller was not known when it arrived. Returns 0; LIMITS_EXCEEDED
 * with an explanation; or CALL_ANSWERED if there will be no reply, then the request is freed. */
int admission_check(Request *request);

/* Whether the connection may be sent a reply, for a request whose turn it is. Returns as
 * admission_check(), or -EAGAIN if the request has to wait longer. */
int admission_check_room(Request *request);

/* Counts the request against MaxPendingPerUser=. Returns as admission_check(). */
int admission_take_quota(Request *request);

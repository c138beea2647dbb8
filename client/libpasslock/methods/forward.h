/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/libpasslock/transport/call.h"

/*
 * Calls with arguments and replies as D-Bus messages, for passlock-gate. Not in the public library.
 * Connection, retries, deadlines and cancelling are those of all calls: see passlock_call_cancel().
 */

/* `reply` is valid during the callback; NULL unless `r` is 0, and for a removal whose retry found
 * nothing. */
typedef void (*ForwardCallback)(passlock *client, int r, const char *error_text,
                                sd_bus_message *reply, void *userdata);

/*
 * Describes a method of a tenancy, which is retried and protected as by the library's own function
 * for it. A method without a function is never retried. The names are borrowed.
 */
Method forward_method(const char *interface, const char *member);

/*
 * Starts a call of the client's tenancy. `append` is called once for each attempt, not after the
 * callback. Returns the value of a public function.
 */
int forward_begin(passlock *client, const Method *method,
                  int (*append)(sd_bus_message *m, void *userdata), ForwardCallback callback,
                  void *userdata, passlock_call **ret);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/libpasslock/transport/call.h"

/* Makes a call and waits for it. Returns as a public synchronous call does. */
int calls_perform(passlock *client, const Method *method, const Arguments *arguments, Result *ret);

/* Starts a call. Returns as a public start function does. */
int calls_begin(passlock *client, const Method *method, const Arguments *arguments,
                Callback callback, void *userdata, passlock_call **ret);

/* Starts a monitor's call, which takes as long as it takes and is never repeated. */
int calls_begin_watch(passlock *client, const char *label, const Method *method,
                      const Arguments *arguments, bool auto_start, WatchCallback done,
                      void *userdata, passlock_call **ret);

/* Sends what waits, as far as it may. */
void calls_send_waiting(passlock *client);
/* What waits for its turn does not fail because others were cut off before it. */
void calls_set_wait_for_service(passlock *client);

/* What the client has all its calls do. */
void calls_on_failed(passlock *client, int r);
void calls_on_lost(passlock *client);
void calls_on_service(passlock *client);
bool calls_want_bus(passlock *client);
bool calls_deliver_one(passlock *client);
bool calls_deliver_progress(passlock *client);
void calls_free(passlock *client);

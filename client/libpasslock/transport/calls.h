/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/libpasslock/transport/call.h"

/*
 * Makes a synchronous call. `ret` points to the result: char *, uint64_t or an object pointer; NULL
 * for a method without a result. Returns the value of the public function.
 */
int calls_perform(passlock *client, const Method *method, const Arguments *arguments, void *ret);

/* Starts an asynchronous call. Returns the value of the public function. */
int calls_begin(passlock *client, const Method *method, const Arguments *arguments,
                Callback callback, void *userdata, passlock_call **ret);

/* Starts a monitor's call, without arguments, deadline and retry. */
int calls_begin_watch(passlock *client, const char *label, const Method *method, bool auto_start,
                      WatchCallback done, void *userdata, passlock_call **ret);

/* Sends queued calls while send slots are free. */
void calls_send_waiting(passlock *client);
/* Lets queued calls wait for the service after the connection was lost. */
void calls_set_wait_for_service(passlock *client);

/* Events of the client's connection, for all its calls. */
void calls_on_failed(passlock *client, int r);
void calls_on_lost(passlock *client);
void calls_on_service(passlock *client);
bool calls_want_bus(passlock *client);
bool calls_deliver_one(passlock *client);
bool calls_deliver_progress(passlock *client);
void calls_free(passlock *client);

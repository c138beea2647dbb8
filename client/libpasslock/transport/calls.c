/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/transport/bus-error.h"
#include "client/libpasslock/transport/calls.h"

/* Sends a new call, or requests a connection for it. */
static int start(passlock_call *call)
{
        int r;

        r = call_send(call);
        if (r < 0 || call->state == CALL_SENT)
                return r;
        return connection_request(call->connection);
}

/* The daemon's own timeout of a polkit check with user interaction. */
#define POLKIT_TIMEOUT_MS 300000U

static uint32_t timeout_ms(const passlock_call *call)
{
        uint32_t ms = call->client->timeout_ms;

        if (!call->interactive)
                return ms;
        return ms < UINT32_MAX - POLKIT_TIMEOUT_MS ? ms + POLKIT_TIMEOUT_MS : UINT32_MAX;
}

/* Long-running calls have no deadline by default. */
static int start_with_deadline(passlock_call *call)
{
        int r;

        if (!(call->method->flags & LONG_RUNNING)) {
                r = call_set_deadline(call, timeout_ms(call));
                if (r < 0)
                        return r;
        }
        return start(call);
}

int calls_begin(passlock *client, const Method *method, const Arguments *arguments,
                Callback callback, void *userdata, passlock_call **ret)
{
        _cleanup_(call_freep) passlock_call *call = NULL;
        int r;

        r = client_check(client);
        if (r < 0)
                return r;
        if (!callback)
                return -EINVAL;
        r = call_new(client, client->label, method, arguments, &call);
        if (r != 0)
                return r;
        call->callback = callback;
        call->userdata = userdata;
        r = start_with_deadline(call);
        if (r < 0)
                return r;
        client_wake(client);
        if (ret)
                *ret = call;
        TAKE_PTR(call);
        return 0;
}

int calls_begin_watch(passlock *client, const char *label, const Method *method, bool auto_start,
                      WatchCallback done, void *userdata, passlock_call **ret)
{
        _cleanup_(call_freep) passlock_call *call = NULL;
        int r;

        r = call_new(client, label, method, &(Arguments){}, &call);
        if (r != 0)
                return r;
        call->no_auto_start = !auto_start;
        r = start(call);
        if (r < 0)
                return r;
        call->watch_callback = done;
        call->userdata = userdata;
        *ret = TAKE_PTR(call);
        return 0;
}

static int wait_for_reply(passlock_call *call)
{
        while (call->state != CALL_FINISHED) {
                int r;

                r = sd_event_run(call->client->event, UINT64_MAX);
                if (r < 0)
                        return r;
        }
        return call->r;
}

static int perform(passlock *client, const Method *method, const Arguments *arguments, Result *ret,
                   char **ret_text)
{
        _cleanup_(call_freep) passlock_call *call = NULL;
        int r;

        if (client->delivering)
                return -EDEADLK;
        /* Process pending events first: owner changes and disconnects. */
        r = client_process(client);
        if (r < 0)
                return r;
        r = call_new(client, client->label, method, arguments, &call);
        if (r != 0)
                return r;
        r = start_with_deadline(call);
        if (r < 0)
                return r;
        r = wait_for_reply(call);
        *ret_text = TAKE_PTR(call->error_text);
        if (r == 0)
                *ret = TAKE(call->result, (Result){});
        return r;
}

int calls_perform(passlock *client, const Method *method, const Arguments *arguments, void *ret)
{
        Result result = {};
        int r;

        if (!ret && method->result->size > 0)
                return -EINVAL;
        r = client_check(client);
        if (r < 0)
                return r;
        free(TAKE_PTR(client->last_error_text));
        r = perform(client, method, arguments, &result, &client->last_error_text);
        client->last_r = r;
        if (r == 0 && ret)
                memcpy(ret, &result, method->result->size);

        /* Other calls may have completed as well: dispatch them. */
        client_wake(client);
        return r;
}

_public_ passlock_call *passlock_call_cancel(passlock_call *call)
{
        passlock *client;

        if (!call || call->state == CALL_DELIVERING || client_check(call->client) < 0)
                return NULL;
        client = call->client;
        if (call->state == CALL_FINISHED)
                TAILQ_REMOVE(&client->finished, call, entry);
        call_free(call);
        calls_send_waiting(client);
        client_wake(client);
        return NULL;
}

_public_ int passlock_call_set_timeout_ms(passlock_call *call, uint32_t timeout_ms)
{
        int r;

        if (!call || timeout_ms == 0)
                return -EINVAL;
        r = client_check(call->client);
        if (r < 0)
                return r;
        if (call->state >= CALL_FINISHED)
                return 0;
        r = call_set_deadline(call, timeout_ms);
        client_wake(call->client);
        return r < 0 ? r : 0;
}

/* The body may remove the current call. */
#define FOREACH_CALL(call, client, in_state) \
        for (passlock_call *call = TAILQ_FIRST(&(client)->calls), *next; \
             call && (next = TAILQ_NEXT(call, entry), true); call = next) \
                if (call->state == (in_state))

void calls_send_waiting(passlock *client)
{
        FOREACH_CALL(call, client, CALL_WAITING)
        {
                int r;

                r = call_send(call);
                if (r < 0)
                        call_complete(call, r, NULL);
                else if (call->state == CALL_WAITING)
                        return;
        }
}

void calls_set_wait_for_service(passlock *client)
{
        FOREACH_CALL(call, client, CALL_WAITING)
        call->waits_for_service = true;
}

void calls_on_failed(passlock *client, int r)
{
        char text[BUS_ERROR_TEXT_MAX];

        r = bus_error_from_connect(r, text);
        FOREACH_CALL(call, client, CALL_WAITING)
        if (!call->waits_for_service)
                call_complete(call, r, text);
}

void calls_on_lost(passlock *client)
{
        FOREACH_CALL(call, client, CALL_WAITING_FOR_SERVICE)
        call_set_state(call, CALL_WAITING);
        calls_set_wait_for_service(client);
}

void calls_on_service(passlock *client)
{
        FOREACH_CALL(call, client, CALL_WAITING_FOR_SERVICE)
        call_set_state(call, CALL_WAITING);
        calls_send_waiting(client);
}

bool calls_want_bus(passlock *client)
{
        FOREACH_CALL(call, client, CALL_WAITING)
        return true;
        return false;
}

bool calls_deliver_one(passlock *client)
{
        passlock_call *call = TAILQ_FIRST(&client->finished);

        if (!call)
                return false;
        TAILQ_REMOVE(&client->finished, call, entry);
        call->state = CALL_DELIVERING;
        call->method->result->deliver(
                client, call->callback, call->r,
                call->r == 0 ? NULL : (call->error_text ?: passlock_strerror(call->r)),
                &call->result, call->userdata);
        call_free(call);
        return true;
}

bool calls_deliver_progress(passlock *client)
{
        passlock_call *call;

        TAILQ_FOREACH(call, &client->long_running_calls, entry)
                if (call->progress.due) {
                        call->progress.due = false;
                        call->progress.callback(client, call->progress.checked,
                                                call->progress.links, call->userdata);
                        return true;
                }
        return false;
}

void calls_free(passlock *client)
{
        passlock_call *call;

        while ((call = TAILQ_FIRST(&client->calls)))
                call_free(call);
        while ((call = TAILQ_FIRST(&client->long_running_calls)))
                call_free(call);
        while ((call = TAILQ_FIRST(&client->finished))) {
                TAILQ_REMOVE(&client->finished, call, entry);
                call_free(call);
        }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "client/call.h"
#include "client/failure.h"
#include "client/text.h"
#include "dbus/names.h"

/*
 * The life of a call:
 *
 *      WAITS_FOR_BUS ──ready──▶ SENT ──answered──▶ FINISHED ──▶ DELIVERING
 *         ▲    ▲                 │ │
 *         │    └──── cut off ────┘ └─ not there ─▶ WAITS_FOR_SERVICE ──owner──▶ SENT
 *         └───────────────────── bus lost ────────────────┘
 *
 * Only a call that was cut off once waits for anything: one that finds no bus or no service at its
 * first try fails with that at once. A second cut ends it. The deadline ends it anywhere.
 *
 * A call to the default tenancy that does not know its object asks for that first, while SENT.
 */
typedef enum CallState {
        CALL_WAITS_FOR_BUS,
        CALL_SENT,
        CALL_WAITS_FOR_SERVICE,
        CALL_FINISHED,
        CALL_DELIVERING,
} CallState;

struct passlock_call {
        TAILQ_ENTRY(passlock_call) entry;
        passlock *client;
        const Method *method;
        char *strings[CALL_STRINGS_MAX];
        uint32_t number;
        passlock_options *options;
        char *label; /* NULL: the default tenancy */
        char *path;  /* the object called; NULL: not known yet */

        CallState state;
        bool cut_off;     /* was, once */
        bool asked_again; /* for the default tenancy, since what we knew was wrong */
        bool no_auto_start;
        sd_bus_slot *slot;
        sd_event_source *deadline;

        int r;
        char *error_text;
        Result result;

        Callback callback;    /* asynchronous */
        WatchDone watch_done; /* a monitor's */
        void *userdata;
};

static passlock_call *call_free(passlock_call *call)
{
        if (!call)
                return NULL;
        if (call->state < CALL_FINISHED)
                TAILQ_REMOVE(&call->client->calls, call, entry);
        sd_bus_slot_unref(call->slot);
        sd_event_source_disable_unref(call->deadline);
        for (size_t i = 0; i < CALL_STRINGS_MAX; i++) {
                if (call->strings[i])
                        explicit_bzero(call->strings[i], strlen(call->strings[i]));
                free(call->strings[i]);
        }
        passlock_options_unref(call->options);
        if (call->method->result->clear)
                call->method->result->clear(&call->result);
        free(call->label);
        free(call->path);
        free(call->error_text);
        free(call);
        return NULL;
}
DEFINE_CLEANUP(passlock_call *, call_free);

static void call_finish(passlock_call *call, int r, const char *error_text)
{
        passlock *client = call->client;

        if (call->method->gone_is_done && call->cut_off && r == PASSLOCK_ERROR_NOT_FOUND)
                r = 0;
        call->r = r;
        call->error_text = r != 0 && !isempty(error_text) ? strdup(error_text) : NULL;
        call->slot = sd_bus_slot_unref(call->slot);
        call->deadline = sd_event_source_disable_unref(call->deadline);
        TAILQ_REMOVE(&client->calls, call, entry);
        call->state = CALL_FINISHED;

        if (call->callback)
                TAILQ_INSERT_TAIL(&client->finished, call, entry);
        if (call->watch_done) {
                call->watch_done(r, call->path, call->userdata);
                call_free(call);
        }
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        call_finish(userdata, -ETIMEDOUT, NULL);
        return 0;
}

static int call_append_arguments(passlock_call *call, sd_bus_message *m)
{
        int r = 0;

        for (unsigned i = 0; r >= 0 && i < call->method->n_strings; i++)
                r = sd_bus_message_append(m, "s", call->strings[i]);
        if (r >= 0 && call->method->takes_number)
                r = sd_bus_message_append(m, "u", call->number);
        if (r >= 0 && call->method->takes_options)
                r = options_append(call->options, m);
        return r;
}

static int call_send_message(passlock_call *call, sd_bus_message *m,
                             sd_bus_message_handler_t on_reply)
{
        int r;

        r = sd_bus_message_set_auto_start(m, !call->no_auto_start);
        if (r < 0)
                return r;
        r = sd_bus_call_async(sd_bus_message_get_bus(m), &call->slot, m, on_reply, call,
                              UINT64_MAX);
        if (r < 0) {
                /* The connection has just broken: the next one takes the call. */
                bool broken = sd_bus_is_open(sd_bus_message_get_bus(m)) <= 0;

                call->state = CALL_WAITS_FOR_BUS;
                return broken ? 0 : r;
        }
        call->state = CALL_SENT;
        return 0;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_default_tenancy(sd_bus_message *m, void *userdata, sd_bus_error *error);

static int call_send_itself(passlock_call *call, sd_bus *bus)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, PASSLOCK_BUS_NAME, call->path,
                                           call->method->interface, call->method->member);
        if (r >= 0 && call->method->is_secret)
                r = sd_bus_message_sensitive(m);
        if (r >= 0)
                r = call_append_arguments(call, m);
        return r < 0 ? r : call_send_message(call, m, on_reply);
}

static int call_ask_for_tenancy(passlock_call *call, sd_bus *bus)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, PASSLOCK_BUS_NAME, PASSLOCK_OBJECT_PATH,
                                           PASSLOCK_INTERFACE_MANAGER, "GetTenancy");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "");
        return r < 0 ? r : call_send_message(call, m, on_default_tenancy);
}

/* Finds the object to call, as far as that needs no asking. Returns 0 or -ENOMEM. */
static int call_find_path(passlock_call *call)
{
        char *path = NULL;

        if (call->method->of_manager)
                path = strdup(PASSLOCK_OBJECT_PATH);
        else if (call->label) {
                if (asprintf(&path, "%s/%s", PASSLOCK_TENANCY_PATH, call->label) < 0)
                        path = NULL;
        } else if (call->client->default_path)
                path = strdup(call->client->default_path);
        else {
                call->path = (free(call->path), NULL);
                return 0;
        }
        if (!path)
                return -ENOMEM;
        free(call->path);
        call->path = path;
        return 0;
}

static int call_send(passlock_call *call)
{
        sd_bus *bus = connection_get_bus(call->client->connection);
        int r;

        if (!bus) {
                call->state = CALL_WAITS_FOR_BUS;
                return connection_want(call->client->connection);
        }
        r = call_find_path(call);
        if (r < 0)
                return r;
        return call->path ? call_send_itself(call, bus) : call_ask_for_tenancy(call, bus);
}

static void call_send_or_finish(passlock_call *call)
{
        int r;

        r = call_send(call);
        if (r < 0)
                call_finish(call, r, NULL);
}

static void call_fail(passlock_call *call, sd_bus_message *m)
{
        const char *text = sd_bus_message_get_error(m)->message;
        int r;

        r = failure_from_message(m);
        if (r == -ECONNRESET && !call->cut_off && !call->watch_done) {
                call->cut_off = true;
                call_send_or_finish(call);
        } else if (r == -EHOSTDOWN && call->cut_off)
                call->state = CALL_WAITS_FOR_SERVICE;
        else
                call_finish(call, r, text);
}

/* The default tenancy may have changed without a restart of the daemon. */
static bool call_should_ask_again(passlock_call *call, sd_bus_message *m)
{
        return !call->label && !call->method->of_manager && !call->asked_again &&
               failure_from_message(m) == PASSLOCK_ERROR_UNKNOWN_OBJECT;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        passlock_call *call = userdata;
        int r;

        call->slot = sd_bus_slot_unref(call->slot);
        if (sd_bus_message_is_method_error(m, NULL)) {
                if (!call_should_ask_again(call, m)) {
                        call_fail(call, m);
                        return 0;
                }
                call->asked_again = true;
                call->client->default_path = (free(call->client->default_path), NULL);
                call_send_or_finish(call);
                return 0;
        }
        r = call->method->is_secret ? sd_bus_message_sensitive(m) : 0;
        if (r >= 0)
                r = call->method->result->read(m, &call->result);
        call_finish(call, r < 0 ? r : 0, NULL);
        return 0;
}

static int on_default_tenancy(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        passlock_call *call = userdata;
        const char *path;
        char *copy;

        call->slot = sd_bus_slot_unref(call->slot);
        if (sd_bus_message_is_method_error(m, NULL)) {
                call_fail(call, m);
                return 0;
        }
        if (sd_bus_message_read(m, "o", &path) < 0) {
                call_finish(call, -EPROTO, NULL);
                return 0;
        }
        copy = strdup(path);
        if (!copy) {
                call_finish(call, -ENOMEM, NULL);
                return 0;
        }
        free(call->client->default_path);
        call->client->default_path = copy;
        call_send_or_finish(call);
        return 0;
}

static int call_copy_arguments(passlock_call *call, const Arguments *arguments)
{
        for (unsigned i = 0; i < call->method->n_strings; i++) {
                if (!arguments->strings[i])
                        return -EINVAL;
                if (!text_is_sendable(arguments->strings[i]))
                        return PASSLOCK_ERROR_INVALID_ARGS;
                call->strings[i] = strdup(arguments->strings[i]);
                if (!call->strings[i])
                        return -ENOMEM;
        }
        call->number = arguments->number;
        return call->method->takes_options ? options_copy(arguments->options, &call->options) : 0;
}

/* A call that has not been sent yet. `label` is NULL for the default tenancy. */
static int call_new(passlock *client, const char *label, const Method *method,
                    const Arguments *arguments, passlock_call **ret)
{
        _cleanup_(call_freep) passlock_call *call = calloc(1, sizeof(passlock_call));
        int r;

        if (!call)
                return -ENOMEM;
        call->client = client;
        call->method = method;
        TAILQ_INSERT_TAIL(&client->calls, call, entry);
        if (label) {
                call->label = strdup(label);
                if (!call->label)
                        return -ENOMEM;
        }
        r = call_copy_arguments(call, arguments);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}

static int call_set_deadline(passlock_call *call, uint32_t timeout_ms)
{
        uint64_t usec = (uint64_t) timeout_ms * 1000;

        if (call->deadline)
                return sd_event_source_set_time_relative(call->deadline, usec);
        return sd_event_add_time_relative(call->client->event, &call->deadline, CLOCK_MONOTONIC,
                                          usec, 1000, on_deadline, call);
}

int call_begin(passlock *client, const Method *method, const Arguments *arguments,
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
        r = call_set_deadline(call, client->timeout_ms);
        if (r >= 0)
                r = call_send(call);
        if (r < 0)
                return r;
        client_wake(client);
        if (ret)
                *ret = call;
        TAKE_PTR(call);
        return 0;
}

int call_begin_watch(passlock *client, const char *label, const Method *method,
                     const Arguments *arguments, bool auto_start, WatchDone done, void *userdata,
                     passlock_call **ret)
{
        _cleanup_(call_freep) passlock_call *call = NULL;
        int r;

        r = call_new(client, label, method, arguments, &call);
        if (r != 0)
                return r;
        call->no_auto_start = !auto_start;
        r = call_send(call);
        if (r < 0)
                return r;
        call->watch_done = done;
        call->userdata = userdata;
        *ret = TAKE_PTR(call);
        return 0;
}

static int call_wait(passlock_call *call)
{
        while (call->state != CALL_FINISHED) {
                int r;

                r = sd_event_run(call->client->event, UINT64_MAX);
                if (r < 0)
                        return r;
        }
        return call->r;
}

static int call_perform_unrecorded(passlock *client, const Method *method,
                                   const Arguments *arguments, Result *ret, char **ret_text)
{
        _cleanup_(call_freep) passlock_call *call = NULL;
        int r;

        if (client->delivering)
                return -EDEADLK;
        /* The news first: who owns the name, and whether there still is a connection. */
        r = client_process(client);
        if (r < 0)
                return r;
        r = call_new(client, client->label, method, arguments, &call);
        if (r != 0)
                return r;
        r = call_set_deadline(call, client->timeout_ms);
        if (r >= 0)
                r = call_send(call);
        if (r < 0)
                return r;
        r = call_wait(call);
        *ret_text = TAKE_PTR(call->error_text);
        if (r == 0)
                *ret = TAKE(call->result, (Result){});
        return r;
}

int call_perform(passlock *client, const Method *method, const Arguments *arguments, Result *ret)
{
        int r;

        r = client_check(client);
        if (r < 0)
                return r;
        client->last_error_text = (free(client->last_error_text), NULL);
        r = call_perform_unrecorded(client, method, arguments, ret, &client->last_error_text);
        client->last_r = r;

        /* The loop ran for others as well; and what it armed is to be seen through the public fd.
         */
        client_wake(client);
        return r;
}

_public_ passlock_call *passlock_call_cancel(passlock_call *call)
{
        if (!call || call->state == CALL_DELIVERING || client_check(call->client) < 0)
                return NULL;
        if (call->state == CALL_FINISHED)
                TAILQ_REMOVE(&call->client->finished, call, entry);
        return call_free(call);
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

/* Finishing a call takes it off the list, so the next one is found before. */
#define FOREACH_CALL(call, client, in_state) \
        for (passlock_call *call = TAILQ_FIRST(&(client)->calls), *next; \
             call && (next = TAILQ_NEXT(call, entry), true); call = next) \
                if (call->state == (in_state))

void calls_on_ready(passlock *client)
{
        FOREACH_CALL(call, client, CALL_WAITS_FOR_BUS)
        call_send_or_finish(call);
}

void calls_on_failed(passlock *client, int r)
{
        FOREACH_CALL(call, client, CALL_WAITS_FOR_BUS)
        if (!call->cut_off)
                call_finish(call, r == -ENOMEM ? r : -ENOTCONN, strerrordesc_np(-r));
}

void calls_on_lost(passlock *client)
{
        FOREACH_CALL(call, client, CALL_WAITS_FOR_SERVICE)
        call->state = CALL_WAITS_FOR_BUS;
}

void calls_on_service(passlock *client)
{
        FOREACH_CALL(call, client, CALL_WAITS_FOR_SERVICE)
        call_send_or_finish(call);
}

bool calls_want_bus(passlock *client)
{
        FOREACH_CALL(call, client, CALL_WAITS_FOR_BUS)
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

void calls_free(passlock *client)
{
        passlock_call *call;

        while ((call = TAILQ_FIRST(&client->calls)))
                call_free(call);
        while ((call = TAILQ_FIRST(&client->finished))) {
                TAILQ_REMOVE(&client->finished, call, entry);
                call_free(call);
        }
}

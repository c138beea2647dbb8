/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/strv.h"
#include "base/text.h"
#include "client/libpasslock/transport/bus-error.h"
#include "client/libpasslock/transport/calls.h"
#include "client/libpasslock/types/bus-string.h"
#include "dbus/names.h"

/*
 * dbus-daemon limits the pending replies of a connection (max_replies_per_connection, 128 by
 * default) and refuses further calls.
 */
#define CALLS_SENT_MAX 100U

/* Object path of the default tenancy in the default configuration. */
#define ASSUMED_DEFAULT_PATH PASSLOCK_TENANCY_PATH "/default"
#define DEFAULT_TENANCY_UNKNOWN \
        "Failed to look up the default tenancy: access denied, and there is no tenancy labelled " \
        "default; select a tenancy, for instance with --tenancy=LABEL"

void call_set_state(passlock_call *call, CallState state)
{
        if (call->state == CALL_SENT && !(call->method->flags & LONG_RUNNING))
                call->client->n_sent--;
        if (state == CALL_SENT && !(call->method->flags & LONG_RUNNING))
                call->client->n_sent++;
        call->state = state;
}

/* The client's list that contains a pending call. */
static struct CallList *call_list(const passlock_call *call)
{
        return (call->method->flags & LONG_RUNNING) ? &call->client->long_running_calls
                                                    : &call->client->calls;
}

passlock_call *call_free(passlock_call *call)
{
        if (!call)
                return NULL;
        if (call->state < CALL_FINISHED) {
                TAILQ_REMOVE(call_list(call), call, entry);
                call_set_state(call, CALL_FINISHED);
        }
        sd_bus_slot_unref(call->slot);
        sd_event_source_disable_unref(call->deadline);
        for (size_t i = 0; i < CALL_STRINGS_MAX; i++)
                bus_string_erase_and_free(call->strings[i]);
        strv_free(call->list);
        links_free(call->links);
        passlock_options_unref(call->options);
        if (call->method->result->clear)
                call->method->result->clear(&call->result);
        free(call->label);
        free(call->path);
        free(call->error_text);
        if (call->method->flags & LONG_RUNNING)
                connection_free(call->connection);
        free(call);
        return NULL;
}

void call_complete(passlock_call *call, int r, const char *error_text)
{
        passlock *client = call->client;

        if ((call->method->flags & NOT_FOUND_IS_SUCCESS) && call->retried &&
            r == PASSLOCK_ERROR_NOT_FOUND)
                r = 0;
        call->r = r;
        call->error_text = r != 0 && !isempty(error_text) ? strdup(error_text) : NULL;
        call->slot = sd_bus_slot_unref(call->slot);
        call->deadline = sd_event_source_disable_unref(call->deadline);
        TAILQ_REMOVE(call_list(call), call, entry);
        call_set_state(call, CALL_FINISHED);

        if (call->callback)
                TAILQ_INSERT_TAIL(&client->finished, call, entry);
        if (call->watch_callback) {
                call->watch_callback(r, call->path, call->userdata);
                call_free(call);
        }
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        passlock_call *call = userdata;
        passlock *client = call->client;

        call_complete(call, -ETIMEDOUT, NULL);
        calls_send_waiting(client);
        return 0;
}

int call_set_deadline(passlock_call *call, uint32_t timeout_ms)
{
        uint64_t usec = monotonic_us() + (uint64_t) timeout_ms * 1000;

        /* sd_event_add_time_relative() adds to the time when the loop last ran, which may be long
         * ago. */
        if (call->deadline)
                return sd_event_source_set_time(call->deadline, usec);
        return sd_event_add_time(call->client->event, &call->deadline, CLOCK_MONOTONIC, usec, 1000,
                                 on_deadline, call);
}

static int call_append_arguments(passlock_call *call, sd_bus_message *m)
{
        int r = 0;

        if (call->append)
                return call->append(m, call->userdata);
        for (unsigned i = 0; r >= 0 && i < call->method->n_strings; i++)
                r = sd_bus_message_append(m, "s", call->strings[i]);
        if (r >= 0 && (call->method->flags & TAKES_NUMBER))
                r = sd_bus_message_append(m, "u", call->number);
        if (r >= 0 && (call->method->flags & TAKES_LIST))
                r = sd_bus_message_append_strv(m, call->list);
        if (r >= 0 && (call->method->flags & TAKES_LINKS))
                r = links_append(call->links, m);
        if (r >= 0 && (call->method->flags & TAKES_OPTIONS))
                r = options_append(call->options, m);
        return r;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* On success the call is sent or still queued. */
static int call_send_message(passlock_call *call, sd_bus_message *m)
{
        sd_bus *bus = sd_bus_message_get_bus(m);
        int r;

        r = sd_bus_message_set_auto_start(m, !call->no_auto_start);
        if (r < 0)
                return r;
        r = sd_bus_call_async(bus, &call->slot, m, on_reply, call, UINT64_MAX);
        if (r >= 0)
                call_set_state(call, CALL_SENT);
        /* If the connection has just closed, the call stays queued for the next one. */
        return r < 0 && sd_bus_is_open(bus) > 0 ? r : 0;
}

static int call_send_request(passlock_call *call, sd_bus *bus)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, PASSLOCK_BUS_NAME, call->path,
                                           call->method->interface, call->method->member);
        if (r >= 0 && (call->method->flags & SENSITIVE))
                r = sd_bus_message_sensitive(m);
        if (r >= 0)
                r = sd_bus_message_set_allow_interactive_authorization(m, call->interactive);
        if (r >= 0)
                r = call_append_arguments(call, m);
        return r < 0 ? r : call_send_message(call, m);
}

/* Does not allow interactive authorization: polkit would ask for a password twice. */
static int call_send_get_tenancy(passlock_call *call, sd_bus *bus)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, PASSLOCK_BUS_NAME, PASSLOCK_OBJECT_PATH,
                                           PASSLOCK_INTERFACE_MANAGER, "GetTenancy");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "");
        return r < 0 ? r : call_send_message(call, m);
}

/* Whether the call uses the label "default" because the lookup was denied. */
static bool call_assumes_default_label(const passlock_call *call)
{
        return !(call->method->flags & OF_MANAGER) && !call->label && call->interactive &&
               call->client->assumes_default_label;
}

/* Sets the object path, or NULL if a lookup is needed. Returns 0 or -ENOMEM. */
static int call_find_path(passlock_call *call)
{
        const char *path = connection_get_default_path(call->connection);

        free(TAKE_PTR(call->path));
        if (call->label && !(call->method->flags & OF_MANAGER)) {
                call->path = text_format(PASSLOCK_TENANCY_PATH "/%s", call->label);
                return call->path ? 0 : -ENOMEM;
        }
        if (call->method->flags & OF_MANAGER)
                path = PASSLOCK_OBJECT_PATH;
        else if (call_assumes_default_label(call))
                path = ASSUMED_DEFAULT_PATH;
        call->path = path ? strdup(path) : NULL;
        return path && !call->path ? -ENOMEM : 0;
}

int call_send(passlock_call *call)
{
        sd_bus *bus = connection_get_bus(call->connection);
        int r;

        call_set_state(call, CALL_WAITING);
        if (!bus ||
            (call->client->n_sent >= CALLS_SENT_MAX && !(call->method->flags & LONG_RUNNING)))
                return 0;
        r = call_find_path(call);
        if (r < 0)
                return r;
        return call->path ? call_send_request(call, bus) : call_send_get_tenancy(call, bus);
}

/* Sends the call itself after the lookup of its object path. */
static void call_send_next(passlock_call *call)
{
        int r;

        r = call_send(call);
        if (r < 0)
                call_complete(call, r, NULL);
}

/* A NO_RETRY call may be retried if only the tenancy lookup was sent. */
static bool call_may_be_retried(const passlock_call *call)
{
        if (call->retried || call->watch_callback || (call->method->flags & LONG_RUNNING))
                return false;
        return !(call->method->flags & NO_RETRY) || !call->path;
}

static void call_fail(passlock_call *call, sd_bus_message *m)
{
        _cleanup_(freep) char *text = NULL;
        int r;

        r = bus_error_from_message(m);
        if (r == -ECONNRESET && call_may_be_retried(call)) {
                call->retried = true;
                call_set_state(call, CALL_WAITING);
                calls_set_wait_for_service(call->client);
        } else if (r == -EHOSTDOWN && call->waits_for_service)
                call_set_state(call, CALL_WAITING_FOR_SERVICE);
        else if (r == PASSLOCK_ERROR_UNKNOWN_OBJECT && call_assumes_default_label(call))
                call_complete(call, r, DEFAULT_TENANCY_UNKNOWN);
        else {
                text = bus_error_text_from_message(m);
                call_complete(call, r, text);
        }
}

/* A reload may have changed the default tenancy. */
static bool call_should_refresh_path(const passlock_call *call, sd_bus_message *m)
{
        return !call->label && !(call->method->flags & OF_MANAGER) &&
               !call_assumes_default_label(call) && !call->path_refreshed &&
               bus_error_from_message(m) == PASSLOCK_ERROR_UNKNOWN_OBJECT;
}

static void call_handle_reply(passlock_call *call, sd_bus_message *m)
{
        int r = 0;

        if (sd_bus_message_is_method_error(m, NULL) > 0) {
                if (!call_should_refresh_path(call, m)) {
                        call_fail(call, m);
                        return;
                }
                call->path_refreshed = true;
                (void) connection_set_default_path(call->connection, NULL);
                call_send_next(call);
                return;
        }
        if (call->method->flags & SENSITIVE)
                r = sd_bus_message_sensitive(m);
        if (r >= 0)
                r = call->method->result->read(m, &call->result);
        call_complete(call, r < 0 ? r : 0, NULL);
}

/* polkit may allow the call itself although the lookup was denied. */
static bool call_should_assume_default_label(const passlock_call *call, sd_bus_message *m)
{
        return call->interactive && bus_error_from_message(m) == PASSLOCK_ERROR_ACCESS_DENIED;
}

static void call_handle_tenancy(passlock_call *call, sd_bus_message *m)
{
        const char *path;
        int r;

        if (sd_bus_message_is_method_error(m, NULL) > 0) {
                if (!call_should_assume_default_label(call, m)) {
                        call_fail(call, m);
                        return;
                }
                call->client->assumes_default_label = true;
                call_send_next(call);
                return;
        }
        if (sd_bus_message_read(m, "o", &path) < 0) {
                call_complete(call, -EPROTO, NULL);
                return;
        }
        r = connection_set_default_path(call->connection, path);
        if (r < 0)
                call_complete(call, r, NULL);
        else
                call_send_next(call);
}

/* The path is unknown until the reply to GetTenancy. */
static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        passlock_call *call = userdata;
        passlock *client = call->client;

        call->slot = sd_bus_slot_unref(call->slot);
        if (call->path)
                call_handle_reply(call, m);
        else
                call_handle_tenancy(call, m);
        calls_send_waiting(client);
        return 0;
}

static int call_copy_list(passlock_call *call, const char *const *list)
{
        if (!list)
                return -EINVAL;
        if (!bus_strv_is_valid(list))
                return PASSLOCK_ERROR_INVALID_ARGS;
        return strv_copy((char *const *) list, &call->list);
}

static int call_copy_arguments(passlock_call *call, const Arguments *arguments)
{
        for (unsigned i = 0; i < call->method->n_strings; i++) {
                if (!arguments->strings[i])
                        return -EINVAL;
                if (!bus_string_is_valid(arguments->strings[i]))
                        return PASSLOCK_ERROR_INVALID_ARGS;
                call->strings[i] = strdup(arguments->strings[i]);
                if (!call->strings[i])
                        return -ENOMEM;
        }
        call->number = arguments->number;
        call->append = arguments->append;
        if (call->method->flags & TAKES_LIST) {
                int r;

                r = call_copy_list(call, arguments->list);
                if (r != 0)
                        return r;
        }
        if (call->method->flags & TAKES_LINKS) {
                int r;

                r = links_copy(arguments->links, &call->links);
                if (r != 0)
                        return r;
        }
        return (call->method->flags & TAKES_OPTIONS)
                       ? options_copy(arguments->options, &call->options)
                       : 0;
}

int call_new(passlock *client, const char *label, const Method *method, const Arguments *arguments,
             passlock_call **ret)
{
        _cleanup_(call_freep) passlock_call *call = calloc(1, sizeof(passlock_call));
        int r;

        if (!call)
                return -ENOMEM;
        call->client = client;
        call->method = method;
        call->interactive = client->interactive;
        TAILQ_INSERT_TAIL(call_list(call), call, entry);
        if (method->flags & LONG_RUNNING) {
                r = long_running_call_connection_new(call, &call->connection);
                if (r < 0)
                        return r;
        } else
                call->connection = client->connection;
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

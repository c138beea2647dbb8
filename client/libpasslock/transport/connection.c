/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/transport/connection.h"
#include "dbus/names.h"

#define DRIVER_NAME    "org.freedesktop.DBus"
#define DRIVER_PATH    "/org/freedesktop/DBus"
#define RETRY_USEC_MIN UINT64_C(10000)
#define RETRY_USEC_MAX UINT64_C(500000)
#define OWNER_MATCH \
        "type='signal',sender='" DRIVER_NAME "',path='" DRIVER_PATH "',interface='" DRIVER_NAME \
        "',member='NameOwnerChanged',arg0='" PASSLOCK_BUS_NAME "'"

struct Connection {
        sd_event *event;
        const ConnectionHandlers *handlers;
        void *userdata;

        sd_bus *bus; /* NULL: neither connected nor connecting */
        bool ready;
        /* Event sources of the connection until Hello is answered. */
        sd_event_source *handshake, *handshake_timeout;
        char *owner;
        char *default_path; /* of the default tenancy, as this owner replied */

        sd_event_source *attempt; /* enabled while the next attempt is due */
        uint64_t retry_usec;
};

/* Out of memory counts as no owner: signals are then ignored. */
static void set_owner(Connection *c, const char *owner)
{
        free(c->owner);
        c->owner = isempty(owner) ? NULL : strdup(owner);
        free(TAKE_PTR(c->default_path));
}

static void end_handshake(Connection *c)
{
        c->handshake = sd_event_source_disable_unref(c->handshake);
        c->handshake_timeout = sd_event_source_disable_unref(c->handshake_timeout);
}

static void connection_drop(Connection *c)
{
        end_handshake(c);
        c->bus = sd_bus_close_unref(c->bus);
        c->ready = false;
        set_owner(c, NULL);
}

static void connection_fail(Connection *c, int r)
{
        connection_drop(c);
        c->handlers->failed(r, c->userdata);
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Connection *c = userdata;
        bool was_ready = c->ready;

        connection_drop(c);
        if (was_ready)
                c->handlers->lost(c->userdata);
        else
                c->handlers->failed(-ECONNRESET, c->userdata);
        return 0;
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Connection *c = userdata;
        const char *owner = NULL;

        /* The connection was lost: on_disconnected() is called next. */
        if (sd_bus_is_open(sd_bus_message_get_bus(m)) <= 0)
                return 0;
        if (sd_bus_message_is_method_error(m, SD_BUS_ERROR_NAME_HAS_NO_OWNER) <= 0 &&
            sd_bus_message_read(m, "s", &owner) < 0) {
                connection_fail(c, -ENOTCONN);
                return 0;
        }
        set_owner(c, owner);
        c->ready = true;
        c->retry_usec = RETRY_USEC_MIN;
        c->handlers->ready(c->userdata);
        return 0;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Connection *c = userdata;
        const char *name, *old_owner, *new_owner;

        /* sd-bus does not check the sender of a match on a well-known name. */
        if (!streq_ptr(sd_bus_message_get_sender(m), DRIVER_NAME))
                return 0;
        if (sd_bus_message_read(m, "sss", &name, &old_owner, &new_owner) < 0 ||
            !streq(name, PASSLOCK_BUS_NAME))
                return 0;
        /* The pending reply to GetNameOwner is at least as recent. */
        if (!c->ready)
                return 0;
        set_owner(c, new_owner);
        c->handlers->owner_changed(c->userdata);
        return 0;
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Connection *c = userdata;
        uint8_t type;

        if (sd_bus_message_get_type(m, &type) >= 0 && type == SD_BUS_MESSAGE_SIGNAL && c->owner &&
            streq_ptr(sd_bus_message_get_sender(m), c->owner))
                c->handlers->signalled(m, c->userdata);
        return 0;
}

/* The match is added before GetNameOwner is called, so that no owner change is missed. */
static int connection_send_hello_calls(Connection *c)
{
        int r;

        r = sd_bus_match_signal(c->bus, NULL, NULL, "/org/freedesktop/DBus/Local",
                                "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, c);
        if (r >= 0)
                r = sd_bus_add_filter(c->bus, NULL, on_message, c);
        if (r >= 0)
                r = sd_bus_add_match_async(c->bus, NULL, OWNER_MATCH, on_owner_changed, NULL, c);
        if (r >= 0)
                r = sd_bus_call_method_async(c->bus, NULL, DRIVER_NAME, DRIVER_PATH, DRIVER_NAME,
                                             "GetNameOwner", on_owner, c, "s", PASSLOCK_BUS_NAME);
        return r;
}

static int on_handshake(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_handshake_timeout(sd_event_source *source, uint64_t usec, void *userdata);

/* Polls the descriptor, which may change with each step of the handshake. */
static int connection_wait_for_handshake(Connection *c)
{
        int fd = sd_bus_get_fd(c->bus), events = sd_bus_get_events(c->bus), r;
        uint64_t timeout_usec;

        end_handshake(c);
        if (fd < 0 || events < 0)
                return fd < 0 ? fd : events;
        r = sd_event_add_io(c->event, &c->handshake, fd, (uint32_t) events, on_handshake, c);
        if (r < 0)
                return r;
        r = sd_bus_get_timeout(c->bus, &timeout_usec);
        if (r <= 0 || timeout_usec == UINT64_MAX)
                return r;
        return sd_event_add_time(c->event, &c->handshake_timeout, CLOCK_MONOTONIC, timeout_usec, 0,
                                 on_handshake_timeout, c);
}

/*
 * sd-bus hides the error of a failed handshake if it is attached to an event loop. So
 * sd_bus_process() is called directly until Hello is answered; it returns the error.
 */
static void connection_process_handshake(Connection *c)
{
        _cleanup_(sd_bus_unrefp) sd_bus *bus = sd_bus_ref(c->bus);
        int r;

        do
                r = sd_bus_process(bus, NULL);
        while (r > 0 && c->bus == bus && sd_bus_is_ready(bus) <= 0);
        /* The disconnect has been handled meanwhile. */
        if (c->bus != bus)
                return;
        if (r >= 0 && sd_bus_is_ready(bus) > 0) {
                end_handshake(c);
                r = sd_bus_attach_event(bus, c->event, SD_EVENT_PRIORITY_NORMAL);
        } else if (r >= 0)
                r = connection_wait_for_handshake(c);
        if (r < 0)
                connection_fail(c, r);
}

static int on_handshake(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        connection_process_handshake(userdata);
        return 0;
}

static int on_handshake_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
        connection_process_handshake(userdata);
        return 0;
}

static int on_attempt(sd_event_source *source, uint64_t usec, void *userdata)
{
        Connection *c = userdata;
        int r;

        if (c->bus)
                return 0;
        r = sd_bus_open_system_with_description(&c->bus, "passlock");
        if (r >= 0)
                r = connection_send_hello_calls(c);
        if (r < 0)
                connection_fail(c, r);
        else
                connection_process_handshake(c);
        return 0;
}

static int connection_attempt_in(Connection *c, uint64_t usec)
{
        int r;

        if (c->bus)
                return 0;
        r = sd_event_source_set_time_relative(c->attempt, usec);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(c->attempt, SD_EVENT_ONESHOT);
}

int connection_request(Connection *c)
{
        return connection_attempt_in(c, 0);
}

int connection_retry_later(Connection *c)
{
        uint64_t usec = c->retry_usec;

        if (sd_event_source_get_enabled(c->attempt, NULL) > 0)
                return 0;
        c->retry_usec = usec * 2 < RETRY_USEC_MAX ? usec * 2 : RETRY_USEC_MAX;
        return connection_attempt_in(c, usec);
}

sd_bus *connection_get_bus(Connection *c)
{
        return c->ready && sd_bus_is_open(c->bus) > 0 ? c->bus : NULL;
}

const char *connection_get_owner(Connection *c)
{
        return c->owner;
}

const char *connection_get_default_path(Connection *c)
{
        return c->default_path;
}

int connection_set_default_path(Connection *c, const char *path)
{
        free(c->default_path);
        c->default_path = path ? strdup(path) : NULL;
        return path && !c->default_path ? -ENOMEM : 0;
}

int connection_new(sd_event *event, const ConnectionHandlers *handlers, void *userdata,
                   Connection **ret)
{
        _cleanup_(connection_freep) Connection *c = calloc(1, sizeof(Connection));
        int r;

        if (!c)
                return -ENOMEM;
        c->event = sd_event_ref(event);
        c->handlers = handlers;
        c->userdata = userdata;
        c->retry_usec = RETRY_USEC_MIN;
        r = sd_event_add_time(event, &c->attempt, CLOCK_MONOTONIC, 0, 1, on_attempt, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->attempt, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

Connection *connection_free(Connection *c)
{
        if (!c)
                return NULL;
        sd_event_source_unref(c->attempt);
        connection_drop(c);
        sd_event_unref(c->event);
        free(c);
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "daemon/bus/ping.h"
#include "dbus/names.h"

#define DRIVER    "org.freedesktop.DBus"
#define INTERFACE "org.freedesktop.DBus.Peer"
#define MEMBER    "Ping"

struct Ping {
        sd_bus *bus;
        sd_bus_slot *filter;
        sd_bus_slot *call; /* pending, or NULL */
        bool answered;
        bool misdirected; /* the name is not ours */

        /* Since the last check of the progress: */
        bool received; /* a message has arrived */
        bool drained;  /* the bus has read something */
        int n_unread;  /* bytes that the bus has not read, when last measured */
};

/* Measured often: only the bus makes it less. */
static void measure_unread(Ping *ping)
{
        int fd = sd_bus_get_fd(ping->bus), n = 0;

        if (fd < 0 || ioctl(fd, SIOCOUTQ, &n) < 0)
                return;
        ping->drained |= n < ping->n_unread;
        ping->n_unread = n;
}

static bool is_own(Ping *ping, sd_bus_message *m)
{
        const char *unique_name;

        return sd_bus_get_unique_name(ping->bus, &unique_name) >= 0 &&
               streq_ptr(sd_bus_message_get_sender(m), unique_name);
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        Ping *ping = userdata;

        ping->received = true;
        measure_unread(ping);
        if (sd_bus_message_is_method_call(m, INTERFACE, MEMBER) <= 0 || !is_own(ping, m))
                return 0;
        (void) sd_bus_reply_method_return(m, NULL);
        return 1;
}

int ping_new(sd_bus *bus, Ping **ret)
{
        _cleanup_(ping_freep) Ping *ping = calloc(1, sizeof(Ping));
        int r;

        if (!ping)
                return -ENOMEM;
        ping->bus = bus;
        ping->answered = true;
        r = log_errno_origin(sd_bus_add_filter(bus, &ping->filter, on_message, ping));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(ping);
        return 0;
}

Ping *ping_free(Ping *ping)
{
        if (!ping)
                return NULL;
        sd_bus_slot_unref(ping->call);
        sd_bus_slot_unref(ping->filter);
        free(ping);
        return NULL;
}

/* Whether the bus works for the connection, but refused this call: by its limits or its policy. */
static bool is_refusal(sd_bus_message *reply)
{
        return streq_ptr(sd_bus_message_get_sender(reply), DRIVER) &&
               !sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER) &&
               !sd_bus_message_is_method_error(reply, SD_BUS_ERROR_SERVICE_UNKNOWN);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
        Ping *ping = userdata;

        ping->call = sd_bus_slot_unref(ping->call);
        ping->answered = is_own(ping, reply) || is_refusal(reply);
        ping->misdirected = !ping->answered;
        return 0;
}

static int send_call(Ping *ping)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(ping->bus, &m, PASSLOCK_BUS_NAME, PASSLOCK_OBJECT_PATH,
                                           INTERFACE, MEMBER);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0)
                r = sd_bus_call_async(ping->bus, &ping->call, m, on_reply, ping, UINT64_MAX);
        return r;
}

void ping_send(Ping *ping)
{
        int r;

        if (ping->call)
                return;
        ping->answered = ping->received = ping->drained = false;
        r = send_call(ping);
        if (r < 0)
                log_debug("Failed to send a ping to the bus: %s", strerror(-r));
}

bool ping_is_answered(const Ping *ping)
{
        return ping->answered;
}

bool ping_has_progress(Ping *ping)
{
        bool received = ping->received, drained;

        measure_unread(ping);
        /* POLLOUT: the socket is full, and more is queued. */
        drained =
                ping->drained || (ping->n_unread == 0 && !(sd_bus_get_events(ping->bus) & POLLOUT));
        ping->received = ping->drained = false;
        return received && drained && !ping->misdirected;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/transport/bus-error.h"
#include "client/libpasslock/transport/call.h"
#include "dbus/names.h"

static void on_ready(void *userdata)
{
        passlock_call *call = userdata;
        int r;

        if (call->state != CALL_WAITING)
                return;
        r = call_send(call);
        if (r < 0)
                call_complete(call, r, NULL);
}

static void on_failed(int r, void *userdata)
{
        passlock_call *call = userdata;
        char text[BUS_ERROR_TEXT_MAX];

        r = bus_error_from_connect(r, text);
        if (call->state == CALL_WAITING)
                call_complete(call, r, text);
}

/* Fails a queued call; sd-bus has failed a sent one. */
static void on_lost(void *userdata)
{
        on_failed(-ENOTCONN, userdata);
}

/* Nothing to do: the bus replies NoReply when the owner disconnects. */
static void on_owner_changed(void *userdata)
{
}

static void on_signalled(sd_bus_message *m, void *userdata)
{
        passlock_call *call = userdata;
        uint64_t checked, links;

        if (call->state != CALL_SENT || !call->progress.callback ||
            sd_bus_message_is_signal(m, PASSLOCK_INTERFACE_LINKS, "ReconcileProgress") <= 0 ||
            !streq_ptr(call->path, sd_bus_message_get_path(m)) ||
            sd_bus_message_read(m, "tt", &checked, &links) < 0)
                return;
        call->progress.due = true;
        call->progress.checked = checked;
        call->progress.links = links;
}

static const ConnectionHandlers handlers = {
        .ready = on_ready,
        .failed = on_failed,
        .lost = on_lost,
        .owner_changed = on_owner_changed,
        .signalled = on_signalled,
};

int long_running_call_connection_new(passlock_call *call, Connection **ret)
{
        return connection_new(call->client->event, &handlers, call, ret);
}

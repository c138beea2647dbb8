/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * floor
 *
 * A service on sd-event with a method that has the signature of Links.GetUser and does no work: the
 * cost of sd-bus and the bus alone.
 * Prints "ready".
 */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-event.h>

#include "base/macro.h"
#include "dbus/names.h"
#include "tests/load/calls.h"

static int on_get_user(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
        const char *authenticator_id;
        int r;

        r = sd_bus_message_read(m, "s", &authenticator_id);
        return r < 0 ? r : sd_bus_reply_method_return(m, "s", "load-user");
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("GetUser", "s", "s", on_get_user, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int main(void)
{
        sd_bus *bus = connect_bus();
        sd_event *event;

        check(sd_bus_add_object_vtable(bus, NULL, PASSLOCK_TENANCY_PATH "/default",
                                       PASSLOCK_INTERFACE_LINKS, vtable, NULL),
              "add the interface");
        check(sd_bus_request_name(bus, FLOOR_BUS_NAME, 0), "request the bus name");
        check(sd_event_default(&event), "make an event loop");
        check(sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL), "attach the bus");
        puts("ready");
        (void) fflush(stdout);
        check(sd_event_loop(event), "run the event loop");
        return 0;
}

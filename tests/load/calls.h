/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The calls that the load programs make, by name. */

#include <systemd/sd-bus.h>

/* The service of floor.c. */
#define FLOOR_BUS_NAME "dev.passlock.Floor1"

/* Makes a method call by its name in the table of calls.c, such as GetUser. Exits on failure. */
sd_bus_message *call_new(sd_bus *bus, const char *name);

/* Connects to $DBUS_SYSTEM_BUS_ADDRESS. Exits on failure. */
sd_bus *connect_bus(void);

/* Exits with a message if r is negative. */
void check(int r, const char *action);

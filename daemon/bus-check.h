/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/bus/bus.h"

/*
 * Checks that callers reach the daemon, by a ping through the bus. If the ping does not return in
 * time, a second connection tells whether the bus answers others:
 *
 *   - it does: the first connection hangs, and is replaced by the second one;
 *   - it does not: the daemon is out of reach until the bus answers again.
 */
typedef struct BusCheck BusCheck;

/* Replaces the connection by another one, and takes both. */
typedef void (*BusReplaceFunc)(Bus *fresh, void *userdata);

/* Arguments must outlive it. Returns 0 or a negative errno. */
int bus_check_new(sd_event *event, Bus *bus, BusReplaceFunc replace, void *userdata,
                  BusCheck **ret);
BusCheck *bus_check_free(BusCheck *check);
DEFINE_CLEANUP(BusCheck *, bus_check_free);

/* Starts a check, which takes less than `interval_usec` if nothing hangs. */
void bus_check_start(BusCheck *check, uint64_t interval_usec);
/* The result of the latest check; true before the first one. */
bool bus_check_is_alive(const BusCheck *check);

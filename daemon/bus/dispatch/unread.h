/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

/*
 * Bounds how much a connection has not read. The bus keeps replies and signals until they are read,
 * and charges them to the daemon: past a limit it reads nothing more from the daemon, for all
 * callers.
 *
 * dbus-daemon tells how much is unread (GetConnectionStats). Other buses do not; there the bytes
 * that were sent count as read after a while.
 */
typedef struct Unread {
        sd_bus *bus;
        const char *unique_name; /* lent */
        sd_bus_slot *query;      /* GetConnectionStats, or NULL */
        size_t *all;             /* `bytes` of all connections, lent */
        size_t bytes;            /* unread at most, with what each message costs the bus */
        size_t bytes_queried;    /* of these, sent before the query */
        uint64_t updated_at_ms;  /* without an answer of the bus */
        uint64_t retry_at_ms;    /* the next query, at the earliest */
        unsigned interval_ms;
        bool unsupported; /* the bus does not tell */
} Unread;

/* `bus`, `unique_name` and `all`, the sum for all connections, must outlive this. */
void unread_init(Unread *unread, sd_bus *bus, const char *unique_name, size_t *all);
void unread_clear(Unread *unread);

/* Counts a message of about `n_bytes` that is being sent to the connection. */
void unread_add(Unread *unread, size_t n_bytes);
/* Whether the bus has not answered yet what is unread: the estimate may be too high. */
bool unread_is_queried(const Unread *unread);
/* Whether less than `max` bytes are unread. If not, the bus is asked again from time to time. */
bool unread_has_room(Unread *unread, size_t max);

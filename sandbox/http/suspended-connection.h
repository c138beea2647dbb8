/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <microhttpd.h>
#include <poll.h>

#include "sandbox/macro.h"

/* Connections that are held back, until a time or for as long as the client has patience. */

/* Part of whatever waits. */
typedef struct SuspendedConnection {
        struct MHD_Connection *connection;
        bool waiting;
        bool gone;            /* it waited in vain: close the connection */
        int64_t resume_at_ms; /* monotonic */
        struct SuspendedConnection *next;
} SuspendedConnection;

typedef struct SuspendedConnections {
        SuspendedConnection *waiters;
        struct pollfd *fds;
} SuspendedConnections;

/* Suspends a connection for so long, or for ever: -1. */
void suspended_connections_add(SuspendedConnections *room, SuspendedConnection *waiter,
                               int64_t delay_ms);

/* Takes a waiter out, if it is in. */
void suspended_connections_remove(SuspendedConnections *room, SuspendedConnection *waiter);

/* Returns the milliseconds until the first waiter's time, or -1 if none has one. */
int64_t suspended_connections_timeout_ms(const SuspendedConnections *room);

/*
 * Returns an array with room for n_own entries, then one for each waiter that becomes ready when
 * the client goes away. Lent until the next such call.
 */
struct pollfd *suspended_connections_poll(SuspendedConnections *room, size_t n_own,
                                          size_t *ret_n_fds);

/* Lets those go on whose time has come or whose client has gone, by what poll() found. */
void suspended_connections_resume(SuspendedConnections *room, size_t n_own);

/* Lets all go on, as gone. */
void suspended_connections_close(SuspendedConnections *room);

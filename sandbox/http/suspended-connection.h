/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <microhttpd.h>
#include <poll.h>
#include <sys/queue.h>

#include "sandbox/macro.h"

/* Connections that libmicrohttpd has suspended, until a timeout or until the client disconnects. */

/* Part of a request. */
typedef struct SuspendedConnection {
        LIST_ENTRY(SuspendedConnection) entry;
        struct MHD_Connection *connection;
        bool suspended;
        bool closed;          /* the client disconnected, or the server stops */
        int64_t resume_at_ms; /* monotonic */
} SuspendedConnection;

typedef struct SuspendedConnections {
        LIST_HEAD(, SuspendedConnection) list;
        struct pollfd *fds;
} SuspendedConnections;

/* Suspends a connection for delay_ms; -1: no timeout. */
void suspended_connections_add(SuspendedConnections *connections, SuspendedConnection *connection,
                               int64_t delay_ms);

/* Removes a connection from the list, if it is suspended. */
void suspended_connections_remove(SuspendedConnection *connection);

/* Returns the milliseconds until the first timeout, or -1 for none. */
int64_t suspended_connections_timeout_ms(const SuspendedConnections *connections);

/*
 * Returns an array for poll(): n_own entries for the caller to set, then one for each connection,
 * ready when the client disconnects. Lent until the next call.
 */
struct pollfd *suspended_connections_poll(SuspendedConnections *connections, size_t n_own,
                                          size_t *ret_n_fds);

/* Resumes connections that timed out or, according to poll(), were closed by the client. */
void suspended_connections_resume(SuspendedConnections *connections, size_t n_own);

/* Resumes all connections as closed. */
void suspended_connections_close(SuspendedConnections *connections);

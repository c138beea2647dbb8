/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <time.h>

#include "sandbox/http/suspended-connection.h"

static int64_t monotonic_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void suspended_connections_add(SuspendedConnections *connections, SuspendedConnection *connection,
                               int64_t delay_ms)
{
        connection->resume_at_ms = delay_ms < 0 ? INT64_MAX : monotonic_ms() + delay_ms;
        connection->suspended = true;
        LIST_INSERT_HEAD(&connections->list, connection, entry);
        MHD_suspend_connection(connection->connection);
}

void suspended_connections_remove(SuspendedConnection *connection)
{
        if (connection->suspended)
                LIST_REMOVE(connection, entry);
        connection->suspended = false;
}

int64_t suspended_connections_timeout_ms(const SuspendedConnections *connections)
{
        int64_t first = INT64_MAX, now = monotonic_ms();
        const SuspendedConnection *c;

        LIST_FOREACH(c, &connections->list, entry) {
                if (c->resume_at_ms < first)
                        first = c->resume_at_ms;
        }
        if (first == INT64_MAX)
                return -1;
        return first > now ? first - now : 0;
}

/* The socket stays open as long as its connection is suspended. */
static int socket_of(const SuspendedConnection *c)
{
        return MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
                ->connect_fd;
}

struct pollfd *suspended_connections_poll(SuspendedConnections *connections, size_t n_own,
                                          size_t *ret_n_fds)
{
        const SuspendedConnection *c;
        size_t n = n_own;

        LIST_FOREACH(c, &connections->list, entry) {
                n++;
        }
        connections->fds = must(reallocarray(connections->fds, n, sizeof(*connections->fds)));
        n = n_own;
        LIST_FOREACH(c, &connections->list, entry) {
                connections->fds[n++] = (struct pollfd){.fd = socket_of(c), .events = POLLRDHUP};
        }
        *ret_n_fds = n;
        return connections->fds;
}

static void resume(SuspendedConnection *connection, bool closed)
{
        connection->closed = closed;
        suspended_connections_remove(connection);
        MHD_resume_connection(connection->connection);
}

void suspended_connections_resume(SuspendedConnections *connections, size_t n_own)
{
        SuspendedConnection *c = LIST_FIRST(&connections->list);
        int64_t now = monotonic_ms();

        for (size_t n = n_own; c; n++) {
                SuspendedConnection *next = LIST_NEXT(c, entry);
                bool closed = connections->fds[n].revents;

                if (closed || c->resume_at_ms <= now)
                        resume(c, closed);
                c = next;
        }
}

void suspended_connections_close(SuspendedConnections *connections)
{
        while (!LIST_EMPTY(&connections->list))
                resume(LIST_FIRST(&connections->list), true);
        free(connections->fds);
        connections->fds = NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <time.h>

#include "sandbox/http/suspended-connection.h"

static int64_t monotonic_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void suspended_connections_add(SuspendedConnections *room, SuspendedConnection *waiter,
                               int64_t delay_ms)
{
        waiter->resume_at_ms = delay_ms < 0 ? INT64_MAX : monotonic_ms() + delay_ms;
        waiter->waiting = true;
        waiter->next = room->waiters;
        room->waiters = waiter;
        MHD_suspend_connection(waiter->connection);
}

void suspended_connections_remove(SuspendedConnections *room, SuspendedConnection *waiter)
{
        SuspendedConnection **p = &room->waiters;

        while (*p && *p != waiter)
                p = &(*p)->next;
        if (*p)
                *p = waiter->next;
        waiter->waiting = false;
}

int64_t suspended_connections_timeout_ms(const SuspendedConnections *room)
{
        int64_t first = INT64_MAX, now = monotonic_ms();

        for (const SuspendedConnection *w = room->waiters; w; w = w->next)
                if (w->resume_at_ms < first)
                        first = w->resume_at_ms;
        if (first == INT64_MAX)
                return -1;
        return first > now ? first - now : 0;
}

/* The socket stays the client's for as long as its connection is suspended. */
static int waiter_fd(const SuspendedConnection *waiter)
{
        return MHD_get_connection_info(waiter->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
                ->connect_fd;
}

struct pollfd *suspended_connections_poll(SuspendedConnections *room, size_t n_own,
                                          size_t *ret_n_fds)
{
        size_t n = n_own;

        for (const SuspendedConnection *w = room->waiters; w; w = w->next)
                n++;
        room->fds = must(reallocarray(room->fds, n, sizeof(*room->fds)));
        n = n_own;
        for (const SuspendedConnection *w = room->waiters; w; w = w->next)
                room->fds[n++] = (struct pollfd){.fd = waiter_fd(w), .events = POLLRDHUP};
        *ret_n_fds = n;
        return room->fds;
}

static void resume(SuspendedConnections *room, SuspendedConnection *waiter, bool gone)
{
        waiter->gone = gone;
        suspended_connections_remove(room, waiter);
        MHD_resume_connection(waiter->connection);
}

void suspended_connections_resume(SuspendedConnections *room, size_t n_own)
{
        int64_t now = monotonic_ms();
        size_t n = n_own;

        for (SuspendedConnection *w = room->waiters, *next; w; w = next, n++) {
                bool gone = room->fds[n].revents;

                next = w->next;
                if (gone || w->resume_at_ms <= now)
                        resume(room, w, gone);
        }
}

void suspended_connections_close(SuspendedConnections *room)
{
        while (room->waiters)
                resume(room, room->waiters, true);
        free(room->fds);
        room->fds = NULL;
}

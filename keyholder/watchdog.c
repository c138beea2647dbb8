/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "base/notify-socket.h"
#include "keyholder/watchdog.h"

/* Pings per timeout. */
#define PINGS 4U

#define PING "WATCHDOG=1"

struct Watchdog {
        int fd; /* -1: no watchdog */
        uint64_t interval_usec;
        sd_event_source *timer;
};

static int on_timer(sd_event_source *timer, uint64_t usec _unused_, void *userdata)
{
        const Watchdog *watchdog = userdata;
        int r;

        (void) send(watchdog->fd, PING, strlen(PING), MSG_NOSIGNAL);
        r = log_errno_origin(sd_event_source_set_time_relative(timer, watchdog->interval_usec));
        return r < 0 ? r : log_errno_origin(sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT));
}

int watchdog_new(sd_event *event, Watchdog **ret)
{
        _cleanup_(watchdog_freep) Watchdog *watchdog = calloc(1, sizeof(Watchdog));
        uint64_t timeout_usec;
        int r;

        if (!watchdog)
                return -ENOMEM;
        watchdog->fd = -1;
        r = log_errno_origin(sd_watchdog_enabled(0, &timeout_usec));
        if (r > 0) {
                watchdog->interval_usec = timeout_usec / PINGS;
                watchdog->fd = notify_socket_connect();
                r = log_errno_origin(sd_event_add_time_relative(
                        event, &watchdog->timer, CLOCK_MONOTONIC, 0, 0, on_timer, watchdog));
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(watchdog);
        return 0;
}

Watchdog *watchdog_free(Watchdog *watchdog)
{
        if (!watchdog)
                return NULL;
        sd_event_source_disable_unref(watchdog->timer);
        closep(&watchdog->fd);
        free(watchdog);
        return NULL;
}

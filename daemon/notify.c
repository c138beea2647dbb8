/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/notify-socket.h"
#include "daemon/notify.h"

struct Notify {
        int fd; /* connected; -1: no $NOTIFY_SOCKET */
        sd_event_source *writable;

        /* Queued messages, in the order of sending. */
        uint64_t reloading_at_us; /* monotonic; 0: no RELOADING=1 */
        const char *state;        /* READY=1 or STOPPING=1; NULL: neither */
};

static bool send_text(Notify *notify, const char *text)
{
        return send(notify->fd, text, strlen(text), MSG_NOSIGNAL) >= 0;
}

/* Returns false if the socket is full; ignores other errors. */
static bool send_state(Notify *notify, const char *text)
{
        return send_text(notify, text) || errno != EAGAIN;
}

static bool send_reloading(Notify *notify)
{
        char text[64];

        (void) snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
                        (unsigned long long) notify->reloading_at_us);
        return send_state(notify, text);
}

/* Sends the pending notifications until the socket is full. Returns whether all were sent. */
static bool flush(Notify *notify)
{
        if (notify->reloading_at_us > 0 && send_reloading(notify))
                notify->reloading_at_us = 0;
        if (notify->reloading_at_us == 0 && notify->state && send_state(notify, notify->state))
                notify->state = NULL;
        return notify->reloading_at_us == 0 && !notify->state;
}

static void flush_now_or_later(Notify *notify)
{
        if (notify->fd >= 0)
                (void) sd_event_source_set_enabled(notify->writable,
                                                   flush(notify) ? SD_EVENT_OFF : SD_EVENT_ON);
}

static int on_writable(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                       void *userdata)
{
        flush_now_or_later(userdata);
        return 0;
}

int notify_new(sd_event *event, Notify **ret)
{
        _cleanup_(notify_freep) Notify *notify = calloc(1, sizeof(Notify));
        int r = 0;

        if (!notify)
                return -ENOMEM;
        notify->fd = notify_socket_connect();
        if (notify->fd >= 0)
                r = sd_event_add_io(event, &notify->writable, notify->fd, EPOLLOUT, on_writable,
                                    notify);
        if (r >= 0 && notify->writable)
                r = sd_event_source_set_enabled(notify->writable, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(notify);
        return 0;
}

Notify *notify_free(Notify *notify)
{
        if (!notify)
                return NULL;
        if (notify->fd >= 0)
                (void) flush(notify);
        sd_event_source_disable_unref(notify->writable);
        closep(&notify->fd);
        free(notify);
        return NULL;
}

void notify_reloading(Notify *notify)
{
        notify->reloading_at_us = monotonic_us();
        notify->state = NULL;
        flush_now_or_later(notify);
}

void notify_ready(Notify *notify)
{
        notify->state = "READY=1";
        flush_now_or_later(notify);
}

void notify_stopping(Notify *notify)
{
        notify->reloading_at_us = 0;
        notify->state = "STOPPING=1";
        flush_now_or_later(notify);
}

bool notify_alive(Notify *notify)
{
        return notify->fd < 0 || send_text(notify, "WATCHDOG=1");
}

bool notify_status(Notify *notify, const char *text)
{
        _cleanup_(freep) char *assignment = NULL;
        int n_unread = 0;

        if (notify->fd < 0)
                return true;
        /* At most one unread status line, to leave space for watchdog pings. */
        if (notify->state || notify->reloading_at_us > 0)
                return false;
        if (ioctl(notify->fd, SIOCOUTQ, &n_unread) == 0 && n_unread > 0)
                return false;
        if (asprintf(&assignment, "STATUS=%s", text) < 0) {
                assignment = NULL;
                return false;
        }
        return send_text(notify, assignment);
}

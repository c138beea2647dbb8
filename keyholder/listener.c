/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "keyholder/listener.h"

/* Pause after a failed accept(), as without descriptors. */
#define ACCEPT_PAUSE_US (UINT64_C(100) * 1000)

struct Listener {
        int fd;
        uid_t uid;
        bool has_refused; /* logged once */
        sd_event_source *io, *pause;
        ListenerFunc func;
        void *userdata;
};

int listener_check_peer(int fd, uid_t uid)
{
        socklen_t len = sizeof(struct ucred);
        struct ucred peer;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
                return log_errno_origin(-errno);
        return peer.uid == uid ? 0 : -EPERM;
}

static int on_pause(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        const Listener *listener = userdata;

        return log_errno_origin(sd_event_source_set_enabled(listener->io, SD_EVENT_ON));
}

/* Returns a negative errno if the connection is worth a pause. */
static int accept_daemon(Listener *listener)
{
        _cleanup_(closep) int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
        int r;

        if (fd < 0)
                return errno == EAGAIN || errno == ECONNABORTED || errno == EINTR ? 0 : -errno;
        r = listener_check_peer(fd, listener->uid);
        if (r == -EPERM) {
                log_at(listener->has_refused ? LOG_DEBUG : LOG_WARNING,
                       "Refused a connection: its peer is not the daemon's user");
                listener->has_refused = true;
                return 0;
        }
        if (r < 0)
                return r;
        (void) sd_event_source_set_enabled(listener->io, SD_EVENT_OFF);
        listener->func(TAKE_FD(fd), listener->userdata);
        return 0;
}

static int on_io(sd_event_source *source, int fd _unused_, uint32_t events _unused_, void *userdata)
{
        Listener *listener = userdata;
        int r;

        r = accept_daemon(listener);
        if (r >= 0)
                return 0;
        log_error("Failed to accept a connection: %s", strerror(-r));
        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        (void) sd_event_source_set_time_relative(listener->pause, ACCEPT_PAUSE_US);
        (void) sd_event_source_set_enabled(listener->pause, SD_EVENT_ONESHOT);
        return 0;
}

int listener_new(sd_event *event, int fd, uid_t uid, ListenerFunc func, void *userdata,
                 Listener **ret)
{
        _cleanup_(listener_freep) Listener *listener = calloc(1, sizeof(Listener));
        int r;

        if (!listener) {
                close(fd);
                return -ENOMEM;
        }
        *listener = (Listener){.fd = fd, .uid = uid, .func = func, .userdata = userdata};
        if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
                return log_errno_origin(-errno);
        r = log_errno_origin(sd_event_add_io(event, &listener->io, fd, EPOLLIN, on_io, listener));
        if (r >= 0)
                r = log_errno_origin(sd_event_add_time_relative(
                        event, &listener->pause, CLOCK_MONOTONIC, 0, 1, on_pause, listener));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(listener->pause, SD_EVENT_OFF));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(listener);
        return 0;
}

Listener *listener_free(Listener *listener)
{
        if (!listener)
                return NULL;
        sd_event_source_disable_unref(listener->io);
        sd_event_source_disable_unref(listener->pause);
        closep(&listener->fd);
        free(listener);
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "gate/listener.h"

#define BACKLOG 256

static int fail(const char *path, int r)
{
        log_error("Failed to listen on %s: %s", path, strerror(-r));
        return r;
}

/* Whether the path is a socket on which nobody listens any more. */
static bool is_stale(const struct sockaddr_un *address)
{
        _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct stat st;

        return lstat(address->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) && fd >= 0 &&
               connect(fd, (const struct sockaddr *) address, sizeof(*address)) < 0 &&
               errno == ECONNREFUSED;
}

static int bind_socket(int fd, const struct sockaddr_un *address)
{
        mode_t mask = umask(0117);
        int r;

        r = bind(fd, (const struct sockaddr *) address, sizeof(*address)) < 0 ? -errno : 0;
        (void) umask(mask);
        return r;
}

int listener_open(const char *path)
{
        _cleanup_(closep) int fd = -1;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int r;

        if (strlen(path) >= sizeof(address.sun_path))
                return fail(path, -ENAMETOOLONG);
        strcpy(address.sun_path, path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return fail(path, -errno);
        r = bind_socket(fd, &address);
        if (r == -EADDRINUSE && is_stale(&address) && unlink(path) == 0)
                r = bind_socket(fd, &address);
        if (r < 0)
                return fail(path, r);
        if (listen(fd, BACKLOG) < 0)
                return fail(path, -errno);
        return TAKE_FD(fd);
}

int listener_from_systemd(void)
{
        if (sd_listen_fds(1) != 1 ||
            sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0) {
                log_error("No socket: give --socket=PATH, or start passlock-gate@.socket");
                return -EINVAL;
        }
        if (fcntl(SD_LISTEN_FDS_START, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        return SD_LISTEN_FDS_START;
}

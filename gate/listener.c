/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "base/text.h"
#include "gate/listener.h"

#define BACKLOG     256
#define LOCK_SUFFIX ".lock"

/* The listener at a path. */
struct Listener {
        char *path;
        int lock_fd; /* of the lock file; held for as long as the socket exists */
        bool is_bound;
        dev_t dev; /* of the socket's file */
        ino_t ino;
};

/* A lock file rather than a lock of the directory, which others may hold as well. The file stays:
 * if it were removed, two processes could lock two files of that name. */
static int take_lock(Listener *listener)
{
        _cleanup_(freep) char *path = text_format("%s" LOCK_SUFFIX, listener->path);
        int r;

        if (!path)
                return -ENOMEM;
        listener->lock_fd =
                open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (listener->lock_fd < 0) {
                r = -errno;
                log_error("Failed to open the lock file %s: %s", path, strerror(-r));
                return r;
        }
        if (flock(listener->lock_fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
        return 0;
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

static int listen_at(Listener *listener, int fd)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct stat st;
        int r;

        strcpy(address.sun_path, listener->path);
        r = bind_socket(fd, &address);
        if (r == -EADDRINUSE && is_stale(&address) && unlink(listener->path) == 0)
                r = bind_socket(fd, &address);
        if (r < 0)
                return r;
        if (lstat(listener->path, &st) < 0)
                return -errno;
        listener->is_bound = true;
        listener->dev = st.st_dev;
        listener->ino = st.st_ino;
        return listen(fd, BACKLOG) < 0 ? -errno : 0;
}

static int open_at(const char *path, int *ret_fd, Listener **ret)
{
        _cleanup_(listener_freep) Listener *listener = NULL;
        _cleanup_(closep) int fd = -1;
        int r;

        if (strlen(path) >= sizeof(((struct sockaddr_un *) NULL)->sun_path))
                return -ENAMETOOLONG;
        listener = calloc(1, sizeof(Listener));
        if (!listener)
                return -ENOMEM;
        listener->lock_fd = -1;
        listener->path = strdup(path);
        if (!listener->path)
                return -ENOMEM;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        r = take_lock(listener);
        if (r == 0)
                r = listen_at(listener, fd);
        if (r < 0)
                return r;
        *ret_fd = TAKE_FD(fd);
        *ret = TAKE_PTR(listener);
        return 0;
}

int listener_open(const char *path, int *ret_fd, Listener **ret)
{
        int r;

        r = open_at(path, ret_fd, ret);
        if (r < 0)
                log_error("Failed to listen on %s: %s", path, strerror(-r));
        return r;
}

/* Somebody else may have replaced the socket. */
static void remove_socket(const Listener *listener)
{
        struct stat st;

        if (listener->is_bound && lstat(listener->path, &st) == 0 && st.st_dev == listener->dev &&
            st.st_ino == listener->ino)
                (void) unlink(listener->path);
}

Listener *listener_free(Listener *listener)
{
        if (!listener)
                return NULL;
        remove_socket(listener);
        closep(&listener->lock_fd);
        free(listener->path);
        free(listener);
        return NULL;
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

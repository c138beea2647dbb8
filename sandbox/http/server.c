/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "sandbox/http/request.h"
#include "sandbox/http/server.h"

enum {
        CONNECTIONS_MAX = 4000,
        IDLE_TIMEOUT_S = 120,
        BACKLOG = 1024,
};

struct Server {
        struct MHD_Daemon *daemon;
        RequestContext context;
        bool tls;
        struct sockaddr_storage address;
};

/* Routes match the path without percent-decoding: no issued id needs an escape. */
static size_t leave_escapes(void *userdata, struct MHD_Connection *connection, char *text)
{
        return strlen(text);
}

static int parse_address(const ServerOptions *options, struct sockaddr_storage *ret,
                         socklen_t *ret_len)
{
        struct sockaddr_in *in = (struct sockaddr_in *) ret;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) ret;

        *ret = (struct sockaddr_storage){};
        if (inet_pton(AF_INET, options->address, &in->sin_addr) == 1) {
                in->sin_family = AF_INET;
                in->sin_port = htons(options->port);
                *ret_len = sizeof(*in);
                return 0;
        }
        if (inet_pton(AF_INET6, options->address, &in6->sin6_addr) == 1) {
                in6->sin6_family = AF_INET6;
                in6->sin6_port = htons(options->port);
                *ret_len = sizeof(*in6);
                return 0;
        }
        return -EINVAL;
}

static int listen_at(const ServerOptions *options, struct sockaddr_storage *ret)
{
        _cleanup_(closep) int fd = -1;
        struct sockaddr_storage address;
        socklen_t len;
        int one = 1, r;

        r = parse_address(options, &address, &len);
        if (r < 0)
                return r;
        fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
            bind(fd, (struct sockaddr *) &address, len) < 0 || listen(fd, BACKLOG) < 0)
                return -errno;
        len = sizeof(*ret);
        if (getsockname(fd, (struct sockaddr *) ret, &len) < 0)
                return -errno;
        r = fd;
        fd = -1;
        return r;
}

int server_new(Sandbox *sandbox, const ServerOptions *options, Server **ret)
{
        _cleanup_(server_freep) Server *server = must(calloc(1, sizeof(*server)));
        unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
        int fd;

        server->context.sandbox = sandbox;
        server->tls = options->certificate;
        fd = listen_at(options, &server->address);
        if (fd < 0)
                return fd;
        if (server->tls)
                flags |= MHD_USE_TLS;
        /* Without TLS, MHD_OPTION_END comes before the certificate. */
        server->daemon = MHD_start_daemon(
                flags, 0, NULL, NULL, request_on_access, &server->context, MHD_OPTION_LISTEN_SOCKET,
                fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned) CONNECTIONS_MAX,
                MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) IDLE_TIMEOUT_S,
                MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED,
                request_on_completed, &server->context,
                server->tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, options->certificate,
                MHD_OPTION_HTTPS_MEM_KEY, options->key, MHD_OPTION_END);
        if (!server->daemon) {
                close(fd);
                return server->tls ? -EPROTO : -EIO;
        }
        *ret = TAKE_PTR(server);
        return 0;
}

Server *server_free(Server *server)
{
        if (!server)
                return NULL;
        if (server->daemon) {
                /* MHD_stop_daemon() requires that all connections are resumed. */
                suspended_connections_close(&server->context.suspended);
                MHD_stop_daemon(server->daemon);
        }
        free(server);
        return NULL;
}

char *server_url(const Server *server)
{
        const struct sockaddr_in *in = (const struct sockaddr_in *) &server->address;
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) &server->address;
        const char *scheme = server->tls ? "https" : "http";
        char text[INET6_ADDRSTRLEN], *url;
        int r;

        if (server->address.ss_family == AF_INET) {
                inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
                r = asprintf(&url, "%s://%s:%u", scheme, text, ntohs(in->sin_port));
        } else {
                inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
                r = asprintf(&url, "%s://[%s]:%u", scheme, text, ntohs(in6->sin6_port));
        }
        if (r < 0)
                abort();
        return url;
}

/* The timeout for poll(); -1: none. */
static int timeout_ms(const Server *server)
{
        int64_t waiting_ms = suspended_connections_timeout_ms(&server->context.suspended);
        MHD_UNSIGNED_LONG_LONG daemon_ms;

        if (MHD_get_timeout(server->daemon, &daemon_ms) == MHD_YES &&
            (waiting_ms < 0 || (int64_t) daemon_ms < waiting_ms))
                waiting_ms = (int64_t) daemon_ms;
        return waiting_ms > 60000 ? 60000 : (int) waiting_ms;
}

int server_run(Server *server, int stop_fd)
{
        int epoll_fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
        SuspendedConnections *suspended = &server->context.suspended;

        for (;;) {
                struct pollfd *fds;
                size_t n_fds;

                /* poll() array: two entries of the server, then the suspended connections. */
                fds = suspended_connections_poll(suspended, 2, &n_fds);
                fds[0] = (struct pollfd){.fd = stop_fd, .events = POLLIN};
                fds[1] = (struct pollfd){.fd = epoll_fd, .events = POLLIN};
                if (poll(fds, n_fds, timeout_ms(server)) < 0 && errno != EINTR)
                        return -errno;
                if (fds[0].revents)
                        return 0;
                suspended_connections_resume(suspended, 2);
                if (MHD_run(server->daemon) != MHD_YES)
                        return -EIO;
        }
}

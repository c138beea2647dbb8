/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/log.h"
#include "gate/http-server-internal.h"

#define CONNECTIONS_MAX 256U
#define TICK_USEC       UINT64_C(1000000)

/* Paths and labels need no escapes: one with an escape is unknown. */
static size_t leave_escapes(void *userdata, struct MHD_Connection *connection, char *text)
{
        return strlen(text);
}

/* Messages may quote requests, which contain tokens: debug level only, without their text. */
static void on_mhd_log(void *userdata, const char *format, va_list args)
{
        log_debug("libmicrohttpd: %s", format);
}

static int arm_pending(HttpServer *server)
{
        MHD_UNSIGNED_LONG_LONG ms;
        int r;

        if (MHD_get_timeout(server->daemon, &ms) != MHD_YES)
                return sd_event_source_set_enabled(server->pending, SD_EVENT_OFF);
        r = sd_event_source_set_time_relative(server->pending, ms * UINT64_C(1000));
        return r < 0 ? r : sd_event_source_set_enabled(server->pending, SD_EVENT_ONESHOT);
}

static int run(HttpServer *server)
{
        if (MHD_run(server->daemon) != MHD_YES) {
                log_error("Failed to run the HTTP server");
                return sd_event_exit(server->event, -EIO);
        }
        return arm_pending(server);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        return run(userdata);
}

static int on_resumed(sd_event_source *source, void *userdata)
{
        return run(userdata);
}

static int on_pending(sd_event_source *source, uint64_t usec, void *userdata)
{
        return run(userdata);
}

static int arm_tick(HttpServer *server)
{
        int r;

        r = sd_event_source_set_time_relative(server->tick, TICK_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(server->tick, SD_EVENT_ONESHOT);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
        HttpServer *server = userdata;
        HttpConnection *connection;
        uint64_t now = 0;

        (void) sd_event_now(server->event, CLOCK_MONOTONIC, &now);
        LIST_FOREACH(connection, &server->connections, entry)
                if (connection->deadline_usec > 0 && connection->deadline_usec <= now)
                        http_connection_cut(connection);
        server->handlers->on_tick(server->userdata);
        return server->n_connections > 0 ? arm_tick(server) : 0;
}

void http_server_on_opened(HttpServer *server)
{
        if (server->n_connections++ == 0)
                (void) arm_tick(server);
        server->handlers->on_connections(server->n_connections, server->userdata);
}

void http_server_on_closed(HttpServer *server)
{
        server->n_connections--;
        /* After a lack of connections or of file descriptors, MHD accepts again when it runs. */
        http_server_run_soon(server);
        server->handlers->on_connections(server->n_connections, server->userdata);
}

void http_server_run_soon(HttpServer *server)
{
        (void) sd_event_source_set_enabled(server->resumed, SD_EVENT_ONESHOT);
}

static int add_sources(HttpServer *server)
{
        int fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, r;

        r = sd_event_add_io(server->event, &server->io, fd, EPOLLIN, on_io, server);
        if (r >= 0)
                r = sd_event_add_defer(server->event, &server->resumed, on_resumed, server);
        if (r >= 0)
                r = sd_event_add_time(server->event, &server->pending, CLOCK_MONOTONIC, 0, 1,
                                      on_pending, server);
        if (r >= 0)
                r = sd_event_add_time(server->event, &server->tick, CLOCK_MONOTONIC, 0, 0, on_tick,
                                      server);
        if (r >= 0)
                r = sd_event_source_set_enabled(server->tick, SD_EVENT_OFF);
        return r < 0 ? r : 0;
}

int http_server_new(sd_event *event, int fd, const HttpServerHandlers *handlers, void *userdata,
                    HttpServer **ret)
{
        _cleanup_(http_server_freep) HttpServer *server = calloc(1, sizeof(HttpServer));
        int r;

        if (!server) {
                close(fd);
                return -ENOMEM;
        }
        server->event = sd_event_ref(event);
        server->handlers = handlers;
        server->userdata = userdata;
        server->daemon = MHD_start_daemon(
                MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                http_request_on_access, server, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL,
                MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
                MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, NULL, MHD_OPTION_URI_LOG_CALLBACK,
                http_request_on_line, server, MHD_OPTION_NOTIFY_COMPLETED,
                http_request_on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
                http_connection_on_notify, server, MHD_OPTION_END);
        if (!server->daemon) {
                close(fd);
                return -EIO;
        }
        r = add_sources(server);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(server);
        return 0;
}

void http_server_stop(HttpServer *server)
{
        HttpConnection *connection;
        MHD_socket fd;

        server->stopping = true;
        fd = MHD_quiesce_daemon(server->daemon);
        if (fd != MHD_INVALID_SOCKET)
                close(fd);
        LIST_FOREACH(connection, &server->connections, entry)
                if (!connection->request || !connection->request->served)
                        http_connection_cut(connection);
}

size_t http_server_connections(const HttpServer *server)
{
        return server->n_connections;
}

/* MHD_stop_daemon() requires that no connection is suspended. */
static void close_connections(HttpServer *server)
{
        HttpConnection *connection;

        LIST_FOREACH(connection, &server->connections, entry)
                http_connection_cut(connection);
        MHD_stop_daemon(server->daemon);
}

HttpServer *http_server_free(HttpServer *server)
{
        if (!server)
                return NULL;
        if (server->daemon)
                close_connections(server);
        sd_event_source_disable_unref(server->io);
        sd_event_source_disable_unref(server->resumed);
        sd_event_source_disable_unref(server->pending);
        sd_event_source_disable_unref(server->tick);
        sd_event_unref(server->event);
        free(server);
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/socket.h>

#include "gate/http-connection.h"
#include "gate/http-server-internal.h"

HttpConnection *http_connection_of(struct MHD_Connection *mhd)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

        return info->socket_context;
}

void http_connection_set_deadline(HttpConnection *connection, unsigned sec)
{
        uint64_t now = 0;

        (void) sd_event_now(connection->server->event, CLOCK_MONOTONIC, &now);
        connection->deadline_usec = sec > 0 ? now + sec * UINT64_C(1000000) : 0;
}

void http_connection_cut(HttpConnection *connection)
{
        (void) shutdown(connection->fd, SHUT_RDWR);
        if (connection->request)
                http_request_abort(connection->request);
}

void http_connection_watch(HttpConnection *connection)
{
        (void) sd_event_source_set_enabled(connection->hang_up, SD_EVENT_ON);
}

void http_connection_end_request(HttpConnection *connection)
{
        connection->request = NULL;
        http_connection_set_deadline(connection, HTTP_IDLE_SEC);
        if (connection->server->stopping)
                http_connection_cut(connection);
}

/* MHD does not watch suspended connections. A client that has only ended its own direction still
 * waits for the reply: EPOLLHUP is reported when both have ended. */
static int on_hang_up(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        HttpConnection *connection = userdata;

        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        if (connection->request && connection->request->suspended)
                http_request_abort(connection->request);
        return 0;
}

static void http_connection_free(HttpConnection *connection)
{
        LIST_REMOVE(connection, entry);
        sd_event_source_disable_unref(connection->hang_up);
        http_server_on_closed(connection->server);
        free(connection);
}

/* Without memory the requests of the connection are refused. */
static HttpConnection *http_connection_new(HttpServer *server, struct MHD_Connection *mhd)
{
        HttpConnection *connection = calloc(1, sizeof(HttpConnection));

        if (!connection)
                return NULL;
        connection->server = server;
        connection->fd =
                MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        if (sd_event_add_io(server->event, &connection->hang_up, connection->fd, 0, on_hang_up,
                            connection) < 0) {
                free(connection);
                return NULL;
        }
        LIST_INSERT_HEAD(&server->connections, connection, entry);
        http_connection_set_deadline(connection, HTTP_IDLE_SEC);
        http_server_on_opened(server);
        return connection;
}

void http_connection_on_notify(void *userdata, struct MHD_Connection *mhd, void **connection,
                               enum MHD_ConnectionNotificationCode code)
{
        if (code == MHD_CONNECTION_NOTIFY_STARTED)
                *connection = http_connection_new(userdata, mhd);
        else if (*connection) {
                http_connection_free(*connection);
                *connection = NULL;
        }
}

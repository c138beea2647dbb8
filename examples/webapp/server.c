/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "examples/webapp/asset.h"
#include "examples/webapp/server.h"

#define CONNECTIONS_MAX     256U
#define CONNECTION_LEN_MAX  32768U
#define CONNECTION_IDLE_SEC 30U

struct Server {
        const ServerConfig *config;
        struct MHD_Daemon *daemon;
        char *origin;
        char *content_policy;
        Request *waiting;
};

const char *server_origin(const Server *server)
{
        return server->origin;
}

const char *server_content_policy(const Server *server)
{
        return server->content_policy;
}

/* ---- Suspend and resume ---------------------------------------------------------------------- */

static void server_suspend(Server *server, Request *request)
{
        request->is_waiting = true;
        request->waiting_next = server->waiting;
        if (server->waiting)
                server->waiting->waiting_prev = request;
        server->waiting = request;
        MHD_suspend_connection(request->connection);
}

void server_resume(Server *server, Request *request)
{
        if (request->waiting_prev)
                request->waiting_prev->waiting_next = request->waiting_next;
        else
                server->waiting = request->waiting_next;
        if (request->waiting_next)
                request->waiting_next->waiting_prev = request->waiting_prev;
        request->waiting_prev = request->waiting_next = NULL;
        request->is_waiting = false;
        MHD_resume_connection(request->connection);
}

/* ---- Requests -------------------------------------------------------------------------------- */

static void reply_asset(Request *request, const Asset *asset)
{
        struct MHD_Response *response = MHD_create_response_from_buffer(
                asset->len, (void *) asset->content, MHD_RESPMEM_PERSISTENT);

        if (!response) {
                request_reply_json(request, 0, NULL);
                return;
        }
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, asset->content_type);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
        request_reply(request, MHD_HTTP_OK, response);
}

/* Redirects to the host of the RP ID and the session cookie. */
static void reply_redirect(Request *request)
{
        struct MHD_Response *response =
                MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

        if (!response) {
                request_reply_json(request, 0, NULL);
                return;
        }
        MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, request->server->origin);
        request_reply(request, MHD_HTTP_TEMPORARY_REDIRECT, response);
}

/* Sets the handler of the request, or replies. */
static void request_route(Request *request, const char *method, const char *path)
{
        for (const Asset *asset = assets; asset->path; asset++)
                if (strcmp(path, asset->path) == 0 && strcmp(method, "GET") == 0) {
                        reply_asset(request, asset);
                        return;
                }
        for (const Route *route = request->server->config->routes; route->method; route++) {
                size_t len = strlen(route->path);
                int has_argument = route->path[len - 1] == '/';

                if (strcmp(method, route->method) != 0 || strncmp(path, route->path, len) != 0 ||
                    !path[len] != !has_argument)
                        continue;
                request->handler = route->handler;
                request->argument = path + len;
                return;
        }
        request_fail(request, MHD_HTTP_NOT_FOUND, "NotFound", "Page not found.");
}

/*
 * CSRF protection: pages of other origins cannot send the cookie (SameSite), or JSON without a CORS
 * preflight, or forge the Origin header.
 */
static void request_check(Request *request, const char *method, const char *path)
{
        const char *host = request_header(request, MHD_HTTP_HEADER_HOST);
        const char *origin = request_header(request, MHD_HTTP_HEADER_ORIGIN);
        const char *type = request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE);
        const char *len = request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);

        if (strcmp(method, "GET") == 0) {
                const char *own = strstr(request->server->origin, "://") + 3;

                if (!host || strcasecmp(host, own) != 0)
                        reply_redirect(request);
                else
                        request_route(request, method, path);
                return;
        }
        if (!origin || strcmp(origin, request->server->origin) != 0)
                request_fail(request, MHD_HTTP_FORBIDDEN, "ForeignOrigin",
                             "Requests from other origins are refused.");
        else if (!type || strcmp(type, "application/json") != 0)
                request_fail(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "NotJson",
                             "Content-Type must be application/json.");
        else if (len && strtoull(len, NULL, 10) > BODY_LEN_MAX)
                request_fail(request, MHD_HTTP_CONTENT_TOO_LARGE, "TooLarge",
                             "The request body is too large.");
        else
                request_route(request, method, path);
}

/* Runs the handler, once the body is complete. */
static void request_handle(Request *request)
{
        if (request->body_len) {
                request->json =
                        json_loadb(request->body, request->body_len, JSON_REJECT_DUPLICATES, NULL);
                if (!json_is_object(request->json)) {
                        request_fail(request, MHD_HTTP_BAD_REQUEST, "BadJson",
                                     "The request body must be a JSON object.");
                        return;
                }
        }
        request->handler(request);
}

static enum MHD_Result request_send(Request *request)
{
        enum MHD_Result r =
                MHD_queue_response(request->connection, request->status, request->response);

        MHD_destroy_response(request->response);
        request->response = NULL;
        return r;
}

static Request *request_new(Server *server, struct MHD_Connection *connection)
{
        Request *request = calloc(1, sizeof(*request));

        if (request) {
                request->server = server;
                request->userdata = server->config->userdata;
                request->connection = connection;
        }
        return request;
}

/*
 * libmicrohttpd calls this after the headers, for each part of the body, at the end, and after a
 * resume.
 */
static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *piece, size_t *piece_len, void **state)
{
        Request *request = *state;

        (void) version;
        if (!request) {
                request = *state = request_new(userdata, connection);
                if (!request)
                        return MHD_NO;
                request_check(request, method, path);
                return request->response ? request_send(request) : MHD_YES;
        }
        if (*piece_len) {
                if (*piece_len > BODY_LEN_MAX - request->body_len)
                        return MHD_NO;
                memcpy(request->body + request->body_len, piece, *piece_len);
                request->body_len += *piece_len;
                *piece_len = 0;
                return MHD_YES;
        }
        if (!request->response)
                request_handle(request);
        if (request->response)
                return request_send(request);
        server_suspend(request->server, request);
        return MHD_YES;
}

static void on_completed(void *userdata, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
        Request *request = *state;

        (void) userdata, (void) connection, (void) code;
        if (!request)
                return;
        if (request->response)
                MHD_destroy_response(request->response);
        json_decref(request->json);
        free(request->cookie);
        explicit_bzero(request->body, sizeof(request->body));
        free(request);
        *state = NULL;
}

/* ---- The server ------------------------------------------------------------------------------ */

static int server_listen(Server *server)
{
        server->daemon = MHD_start_daemon(
                MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, server,
                MHD_OPTION_SOCK_ADDR, &server->config->address, MHD_OPTION_NOTIFY_COMPLETED,
                on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
                MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) CONNECTION_LEN_MAX,
                MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_IDLE_SEC, MHD_OPTION_END);
        return server->daemon ? 0 : errno ? -errno : -EIO;
}

static int server_set_origin(Server *server)
{
        const ServerConfig *config = server->config;
        const union MHD_DaemonInfo *port =
                MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);

        if (!port)
                return -EIO;
        if (config->origin)
                server->origin = strdup(config->origin);
        else if (asprintf(&server->origin, "http://%s:%u", config->host, port->port) < 0)
                server->origin = NULL;
        if (!server->origin ||
            asprintf(&server->content_policy,
                     "default-src 'none'; script-src 'self' %s; connect-src 'self' %s; "
                     "style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
                     "frame-ancestors 'none'",
                     config->endpoint, config->endpoint) < 0)
                return -ENOMEM;
        return 0;
}

int server_new(const ServerConfig *config, Server **ret)
{
        Server *server = calloc(1, sizeof(*server));
        int r;

        if (!server)
                return -ENOMEM;
        server->config = config;
        r = server_listen(server);
        if (r == 0)
                r = server_set_origin(server);
        if (r < 0) {
                server_free(server);
                return r;
        }
        *ret = server;
        return 0;
}

Server *server_free(Server *server)
{
        if (!server)
                return NULL;
        while (server->waiting)
                request_fail(server->waiting, MHD_HTTP_SERVICE_UNAVAILABLE, "Stopping",
                             "The server is shutting down.");
        if (server->daemon)
                MHD_stop_daemon(server->daemon);
        free(server->origin);
        free(server->content_policy);
        free(server);
        return NULL;
}

int server_fd(const Server *server)
{
        return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int server_timeout_ms(const Server *server)
{
        MHD_UNSIGNED_LONG_LONG timeout_ms;

        if (MHD_get_timeout(server->daemon, &timeout_ms) != MHD_YES)
                return -1;
        return timeout_ms < INT_MAX ? (int) timeout_ms : INT_MAX;
}

void server_run(Server *server)
{
        MHD_run(server->daemon);
}

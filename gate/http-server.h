/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "gate/http-request.h"

/*
 * An HTTP server on a unix socket: libmicrohttpd in an event loop. It limits the number of
 * connections, and disconnects clients that are slow to send a request or to read a reply.
 */
typedef struct HttpServer HttpServer;

typedef struct HttpServerHandlers {
        /* A complete request. Replies with http_request_reply(), now or later. */
        void (*on_request)(HttpRequest *request, void *userdata);
        /* The number of connections has changed. */
        void (*on_connections)(size_t n, void *userdata);
        /* Once a second while there are connections. */
        void (*on_tick)(void *userdata);
} HttpServerHandlers;

/* Takes a listening socket. Returns 0 or a negative errno. */
int http_server_new(sd_event *event, int fd, const HttpServerHandlers *handlers, void *userdata,
                    HttpServer **ret);
HttpServer *http_server_free(HttpServer *server);
DEFINE_CLEANUP(HttpServer *, http_server_free);

/* Accepts no more connections, and closes those without a pending request. The others close after
 * their reply. */
void http_server_stop(HttpServer *server);

size_t http_server_connections(const HttpServer *server);

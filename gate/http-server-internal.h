/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/http-connection.h"
#include "gate/http-server.h"

struct HttpServer {
        sd_event *event;
        struct MHD_Daemon *daemon;
        const HttpServerHandlers *handlers;
        void *userdata;
        sd_event_source *io;
        sd_event_source *resumed; /* MHD does not announce resumed connections */
        sd_event_source *pending; /* MHD has work that no descriptor announces, or a timeout */
        sd_event_source *tick;
        LIST_HEAD(, HttpConnection) connections;
        size_t n_connections;
        bool stopping;
};

void http_server_on_opened(HttpServer *server);
void http_server_on_closed(HttpServer *server);
/* Runs MHD in this iteration of the event loop. */
void http_server_run_soon(HttpServer *server);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <netinet/in.h>

#include "examples/webapp/request.h"

/*
 * HTTP server for JSON and static files. Non-blocking: the connection is suspended until the
 * handler replies.
 */

typedef struct Route {
        const char *method;
        /* A path with a final slash takes one more segment, the argument. */
        const char *path;
        RequestHandler handler;
} Route;

typedef struct ServerConfig {
        struct sockaddr_in address; /* port 0: any free port */
        const char *host;           /* host name of the page */
        const char *origin;         /* origin of the page behind a proxy, or NULL */
        const char *endpoint;       /* origin of the API and of passlock.js */
        const Route *routes;        /* terminated by an entry without method */
        void *userdata;             /* for each request */
} ServerConfig;

/* Starts listening; borrows the configuration. Returns 0 or a negative errno. */
int server_new(const ServerConfig *config, Server **ret);
/* Suspended requests get 503. */
Server *server_free(Server *server);

/* Returns the origin of the page, such as "http://localhost:8080". */
const char *server_origin(const Server *server);
/* Returns the Content-Security-Policy header. */
const char *server_content_policy(const Server *server);

/* For the event loop: call server_run() when the descriptor is readable or after the timeout. */
int server_fd(const Server *server);
int server_timeout_ms(const Server *server); /* -1: none */
void server_run(Server *server);

/* Resumes a suspended request that has its reply. */
void server_resume(Server *server, Request *request);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <netinet/in.h>

#include "examples/webapp/request.h"

/*
 * HTTP: bounded requests in, JSON and the page's files out. It never waits: a handler that has to
 * replies later, and until then the connection is set aside.
 */

typedef struct Route {
        const char *method;
        /* What ends in a slash takes one more segment: the request's argument. */
        const char *path;
        RequestHandler handler;
} Route;

typedef struct ServerConfig {
        struct sockaddr_in address; /* port 0: any */
        const char *host;           /* the page's host name */
        const char *origin;         /* the page's origin, if a proxy makes it another; or NULL */
        const char *endpoint;       /* the other origin that the page loads from and talks to */
        const Route *routes;        /* ends with one that has no method */
        void *userdata;             /* of each request */
} ServerConfig;

/* Listens. The configuration is lent for the server's life. Returns 0 or a negative errno. */
int server_new(const ServerConfig *config, Server **ret);
/* Requests that wait for a reply get 503. */
Server *server_free(Server *server);

/* Where the page is, such as "http://localhost:8080". */
const char *server_origin(const Server *server);
/* The Content-Security-Policy of every reply. */
const char *server_content_policy(const Server *server);

/* For the event loop: call server_run() when the descriptor is readable or the time is over. */
int server_fd(const Server *server);
int server_timeout_ms(const Server *server); /* -1: none */
void server_run(Server *server);

/* Takes a request up again that now has its reply. */
void server_resume(Server *server, Request *request);

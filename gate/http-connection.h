/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <microhttpd.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "gate/http-request.h"

/* Time limits. A client that misses one is disconnected. */
#define HTTP_IDLE_SEC    60U /* between two requests */
#define HTTP_REQUEST_SEC 10U /* for the headers and the body of a request */
#define HTTP_REPLY_SEC   60U /* to read a reply; of a stream, to read what is queued */

/* A client's connection. */
typedef struct HttpConnection {
        LIST_ENTRY(HttpConnection) entry;
        struct HttpServer *server;
        HttpRequest *request; /* the current one, or NULL */
        int fd;               /* MHD's */
        sd_event_source *hang_up;
        uint64_t deadline_usec; /* 0: none */
} HttpConnection;

/* The connection of libmicrohttpd; NULL if it could not be allocated. */
HttpConnection *http_connection_of(struct MHD_Connection *mhd);

/* Sets the deadline, relative to now; 0: none. */
void http_connection_set_deadline(HttpConnection *connection, unsigned sec);

/* Disconnects. MHD notices, and ends the request. */
void http_connection_cut(HttpConnection *connection);

/* Watches a suspended connection for a client that disconnects, or has already. */
void http_connection_watch(HttpConnection *connection);

/* Waits for the next request; disconnects if the server stops. */
void http_connection_end_request(HttpConnection *connection);

/* Callback of libmicrohttpd; `userdata` is the HttpServer. */
void http_connection_on_notify(void *userdata, struct MHD_Connection *mhd, void **connection,
                               enum MHD_ConnectionNotificationCode code);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/rate-limit.h"
#include "daemon/http/http.h"

/*
 * The server that calls go to: its connections, and what its replies told of it. Shared by the Api
 * and its calls in flight, so that those outlive a change of configuration.
 */
typedef struct ApiServer {
        unsigned n_ref;
        char *endpoint;
        char *ca_file; /* NULL: the system's trust anchors */
        HttpClient *http;
        int trust_error;    /* why it was not trusted last time, -EKEYREJECTED or -ENOENT; or 0 */
        RateLimit refusals; /* that are logged */
        uint64_t date_ms;   /* the latest Date of its replies; 0: none yet */
        uint64_t date_seen_ms; /* when that came, by boottime_ms() */
} ApiServer;

/* Returns 0 or what http_client_new() does. */
int api_server_new(sd_event *event, const char *endpoint, const char *ca_file, ApiServer **ret);
ApiServer *api_server_ref(ApiServer *server);
/* Drops a reference and returns NULL; the last one closes the connections. NULL is fine. */
ApiServer *api_server_unref(ApiServer *server);
DEFINE_CLEANUP(ApiServer *, api_server_unref);

/* Records how an attempt ended, in the errnos of HttpFunc: the server's date, and whether its
 * certificate was trusted. Logs when trust is lost, and when it is back. */
void api_server_record_reply(ApiServer *server, int r, const HttpReply *reply);

/* Logs that a call was refused: with what status and, unless it is "", what tag. The tag is of any
 * kind and not trusted. */
void api_server_log_refusal(ApiServer *server, const char *call, unsigned status, const char *tag);

/* The time by the server's clock, in milliseconds since the epoch: the date of its latest complete
 * reply, and the time passed since then. Exact to a second and the time that the reply took. 0
 * before there is such a reply. */
uint64_t api_server_clock_ms(const ApiServer *server);

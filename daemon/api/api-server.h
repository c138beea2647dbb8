/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/rate-limit.h"
#include "daemon/api/api-breaker.h"
#include "daemon/api/api-transport.h"

/* The server behind an endpoint: clock offset and circuit breaker. Shared by Apis and calls in
 * flight, so that a reload does not lose what is known. */
typedef struct ApiServer {
        unsigned n_ref;
        char *endpoint;
        char *ca_file;      /* NULL: the system's trust anchors */
        unsigned slots;     /* how many calls the server answers at once */
        RateLimit refusals; /* rate limit of their log lines */
        ApiBreaker breaker;
        uint64_t date_ms;      /* latest Date header; 0: none */
        uint64_t date_seen_ms; /* its arrival, by boottime_ms() */
        /* If the server's clock was set recently: how far ahead of the current setting it was, or
         * behind. */
        uint64_t ahead_ms, behind_ms;
        uint64_t set_at_ms; /* boottime */
} ApiServer;

/* Returns 0 or -ENOMEM. */
int api_server_new(const char *endpoint, const char *ca_file, ApiServer **ret);
ApiServer *api_server_ref(ApiServer *server);
/* Drops a reference and returns NULL. NULL is fine. */
ApiServer *api_server_unref(ApiServer *server);
DEFINE_CLEANUP(ApiServer *, api_server_unref);

/* Records the server's date and slots, from the result of an attempt (an errno of ApiReplyFunc). */
void api_server_record_reply(ApiServer *server, int r, const ApiReply *reply);

/* Logs a refused call with its HTTP status and tag ("": none), rate-limited. The tag is
 * untrusted. */
void api_server_log_refusal(ApiServer *server, const char *call, unsigned status, const char *tag);

/* The server's clock, in milliseconds since the epoch: the Date of its latest complete reply plus
 * the time since. Exact to a second and the reply's latency. 0 before the first reply. */
uint64_t api_server_clock_ms(const ApiServer *server);
/* The range of the server's clock, over its settings of the last ten minutes: the server may have
 * recorded a time by any of them. */
void api_server_clock_range_ms(const ApiServer *server, uint64_t *ret_min_ms, uint64_t *ret_max_ms);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/api/api.h"
#include "daemon/api/api-peer.h"
#include "dbus/error.h"

/* A call from its first attempt to its end, whatever the endpoint: attempts, deadline, verdict. */

typedef struct ApiEndpoint {
        const char *name;
        const Error *errors; /* that it may answer with, ending in 0 */
        bool once;           /* a second attempt would not be the same as the first */
        /* Ends the call with api_call_cancel() and tells its function: r, and if that is 0 what is
         * in the reply, whose body is not read yet. The reply may be NULL if r is not 0. */
        void (*finish)(ApiCall *call, int r, uint32_t retry_after_s, const HttpReply *reply);
} ApiEndpoint;

typedef TAILQ_HEAD(ApiCallQueue, ApiCall) ApiCallQueue;

struct ApiCall {
        sd_event *event;
        ApiCallQueue *queue; /* that it is in */
        const ApiEndpoint *endpoint;
        ApiPeer *peer;
        Secret *key;
        char *url;
        char *body; /* NULL for a GET */
        uint64_t deadline_ms;
        unsigned n_attempts;
        HttpCall *attempt;       /* either this is under way, */
        sd_event_source *pause;  /* or this runs until the next one */
        ApiTokenFunc token_func; /* one of the two */
        ApiPrincipalFunc principal_func;
        void *userdata;
        TAILQ_ENTRY(ApiCall) entry;
};

/* Makes the first attempt; the endpoint's finish() runs later, exactly once unless the call is
 * cancelled. Returns 0, or what http_call_start() does. */
int api_call_start(ApiCall *call);

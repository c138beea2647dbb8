/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/api/api-server.h"
#include "daemon/api/api.h"
#include "dbus/error.h"

/* A call of any endpoint: attempts, deadline, result. */

/* The callback; the endpoint selects the member. */
typedef union ApiFunc {
        ApiTokenFunc token;
        ApiPrincipalFunc principal;
        ApiPasskeyFunc passkey;
        ApiPasskeyListFunc passkey_list;
        ApiManagementFunc management;
        ApiChallengeFunc challenge;
        ApiDoneFunc done;
        ApiKeySetFunc key_set;
} ApiFunc;

/* The parser of the reply, where several endpoints share a finish(). */
typedef union ApiReader {
        int (*token)(const char *body, size_t body_len, Token *ret);
        int (*management)(const char *body, size_t body_len, Management *ret);
        int (*challenge)(const char *body, size_t body_len, Challenge **ret);
} ApiReader;

typedef struct ApiEndpoint {
        const char *name;
        const char *path[4]; /* below the tenancy's URL; ends in NULL */
        const char *
                query; /* NULL: the argument, if any, is the last path segment; else the name of the
                          query parameter that has the argument, and the path ends in a slash */
        const char *method;  /* as in HttpRequest */
        const Error *errors; /* documented errors, ending in 0 */
        size_t reply_len_max;
        bool once;      /* not idempotent: never retried */
        bool is_public; /* below the origin, without a key */
        ApiReader read;
        /* Ends the call with api_call_cancel() and runs the callback. With r 0, the reply's body is
         * still to be parsed; otherwise the reply may be NULL. */
        void (*finish)(ApiCall *call, int r, uint32_t retry_after_s, const HttpReply *reply);
} ApiEndpoint;

struct ApiCall {
        sd_event *event;
        ApiContext *context; /* NULL: not registered yet */
        ApiPriority priority;
        bool waiting; /* for a background slot */
        const ApiEndpoint *endpoint;
        ApiServer *server;
        Secret *key; /* NULL: the endpoint is public */
        char *url;
        char *body; /* NULL: none */
        uint64_t timeout_ms;
        uint64_t deadline_ms; /* set when started */
        unsigned n_attempts;
        HttpCall *attempt;      /* either an attempt is in flight, */
        sd_event_source *pause; /* or the retry timer runs */
        ApiFunc func;
        void *userdata;
        TAILQ_ENTRY(ApiCall) entry;
};

/* Starts the first attempt; the endpoint's finish() runs later, exactly once unless the call is
 * cancelled. Returns 0 or the result of http_call_start(). */
int api_call_start(ApiCall *call);

/* Creates and starts a call. `argument`: NULL if the endpoint has none. Takes ownership of the
 * body, which may be NULL. Returns what api.h documents for starting a call. */
int api_ask(Api *api, const ApiEndpoint *endpoint, const char *argument, char *body, ApiFunc func,
            void *userdata, ApiCall **ret);
/* The same, with a priority: background calls may be queued. */
int api_ask_at(Api *api, ApiPriority priority, const ApiEndpoint *endpoint, const char *argument,
               char *body, ApiFunc func, void *userdata, ApiCall **ret);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/api/api-server.h"
#include "daemon/api/api.h"
#include "dbus/error.h"

/* API calls, independent of the endpoint: attempts, deadline and result. */

/* The parsed reply, owned; each endpoint sets some members. */
typedef struct ApiPayload {
        Token token;
        Principal *principal;
        Passkey *passkey;
        bool is_page; /* of passkeys */
        PasskeyList passkeys;
        char *next_cursor;
        Management management;
        Challenge *challenge;
        const char *key_set;   /* lent */
        const char *key_proof; /* lent */
} ApiPayload;

typedef struct ApiEndpoint {
        const char *name;
        const char *path[4];  /* path below the tenancy's URL, NULL-terminated */
        const char *query;    /* parameter for the argument; NULL: it is a path segment */
        ApiMethod method;     /* API_GET: API_POST if there is a body */
        const Error *errors;  /* documented errors, ending in 0 */
        size_t reply_len_max; /* 0: API_REPLY_LEN_MAX */
        bool once;            /* not idempotent: never retried */
        ApiRequestKind kind;  /* other than API_REQUEST_TENANCY: without a path, and neither the
                                 circuit breaker nor the observer cares */
        /* Parses the body of a successful reply. Returns 0, -ENOMEM or
         * ERROR_MALFORMED_REPLY. */
        int (*read)(const char *body, size_t body_len, ApiPayload *payload);
} ApiEndpoint;

struct ApiCall {
        sd_event *event;
        ApiContext *context; /* NULL: not registered yet */
        ApiPriority priority;
        bool waiting;  /* queued: not started yet */
        bool is_probe; /* ignores the circuit breaker */
        bool is_quick; /* a probe with a short deadline */
        const ApiEndpoint *endpoint;
        Api *api;
        char *path;
        char *body;           /* NULL: none */
        uint64_t deadline_ms; /* set when started */
        uint64_t attempted_at_ms;
        uint64_t attempted_at_us;
        unsigned n_attempts;
        ApiExchange *attempt;   /* attempt in flight, or NULL */
        sd_event_source *pause; /* retry timer, or NULL */
        ResultFunc func;
        void *userdata;
        TAILQ_ENTRY(ApiCall) entry;
};

struct Api {
        unsigned n_ref;
        ApiContext *context;
        ApiServer *server;
        char *tenancy_id;
        uint64_t timeout_ms;
        uint64_t account;
        uint64_t key;          /* 0: only public endpoints can be called */
        unsigned n_foreground; /* calls in flight */
        unsigned n_background;
        ApiObserverFunc observer;
        void *observer_userdata;
        ApiCounts *counts; /* may be NULL */
};

/* Starts the first attempt. Returns 0 or the result of ApiTransport.start(). */
int api_call_start(ApiCall *call);
/* Frees the call and runs its callback. `reply` is parsed if r is 0, and may be NULL otherwise. */
void api_call_end(ApiCall *call, int r, uint32_t retry_after_s, const ApiReply *reply);

typedef struct ApiQuery {
        const ApiEndpoint *endpoint;
        const char *argument; /* NULL if the endpoint has none */
        char *body;           /* NULL: none */
        uint64_t deadline_ms; /* monotonic; 0: the timeout from now */
        ApiPriority priority; /* background calls may be queued */
        bool is_probe;
        bool is_quick;
} ApiQuery;

/* Creates and starts a call. Takes ownership of the body. Returns as documented in api.h. */
int api_ask(Api *api, const ApiQuery *query, ResultFunc func, void *userdata, ApiCall **ret);

/* Registers a call and starts it; a background call waits for a free slot. Returns 0 or the result
 * of api_call_start(). */
int api_context_start(ApiContext *context, ApiCall *call);
/* Unregisters a call; a freed slot goes to the next background call. */
void api_context_remove(ApiContext *context, ApiCall *call);

sd_event *api_context_event(const ApiContext *context);
const ApiTransport *api_context_transport(const ApiContext *context);

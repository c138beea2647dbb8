/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/api/api-server.h"
#include "daemon/api/api.h"
#include "dbus/error.h"

/* A call from its first attempt to its end, whatever the endpoint: attempts, deadline, verdict. */

/* Whom to tell; which member, the endpoint knows. */
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

/* How to read what finish() passes on, where several endpoints share one. */
typedef union ApiReader {
        int (*token)(const char *body, size_t body_len, Token *ret);
        int (*management)(const char *body, size_t body_len, Management *ret);
        int (*challenge)(const char *body, size_t body_len, Challenge **ret);
} ApiReader;

typedef struct ApiEndpoint {
        const char *name;
        const char *path[4]; /* below the tenancy, ending in NULL */
        const char *query;   /* NULL: a call's argument, if there is one, ends the path; else the
                                path ends in a slash, and this names the argument in the query */
        const char *method;  /* as in HttpRequest */
        const Error *errors; /* that it may answer with, ending in 0 */
        size_t reply_len_max;
        bool once;      /* a second attempt would not be the same as the first */
        bool is_public; /* it stands below the origin, and gets no key */
        ApiReader read;
        /* Ends the call with api_call_cancel() and tells its function: r, and if that is 0 what is
         * in the reply, whose body is not read yet. The reply may be NULL if r is not 0. */
        void (*finish)(ApiCall *call, int r, uint32_t retry_after_s, const HttpReply *reply);
} ApiEndpoint;

struct ApiCall {
        sd_event *event;
        ApiContext *context; /* NULL before the call is in its list */
        ApiPriority priority;
        bool waiting; /* for a slot: not started yet */
        const ApiEndpoint *endpoint;
        ApiServer *server;
        Secret *key; /* NULL: the endpoint is public */
        char *url;
        char *body; /* NULL: none */
        uint64_t timeout_ms;
        uint64_t deadline_ms; /* since it was started */
        unsigned n_attempts;
        HttpCall *attempt;      /* either this is under way, */
        sd_event_source *pause; /* or this runs until the next one */
        ApiFunc func;
        void *userdata;
        TAILQ_ENTRY(ApiCall) entry;
};

/* Makes the first attempt; the endpoint's finish() runs later, exactly once unless the call is
 * cancelled. Returns 0, or what http_call_start() does. */
int api_call_start(ApiCall *call);

/* Makes a call and starts it. `argument` is NULL where the endpoint has none; the body, or NULL, is
 * consumed. Returns what api.h says of starting a call. */
int api_ask(Api *api, const ApiEndpoint *endpoint, const char *argument, char *body, ApiFunc func,
            void *userdata, ApiCall **ret);
/* The same, for a call that may have to wait for a slot. */
int api_ask_at(Api *api, ApiPriority priority, const ApiEndpoint *endpoint, const char *argument,
               char *body, ApiFunc func, void *userdata, ApiCall **ret);

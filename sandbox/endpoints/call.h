/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/reply.h"
#include "sandbox/tenancy/sandbox.h"

enum {
        CALL_BODY_MAX = 64 * 1024,
        TOKEN_LIFETIME_MS = 5 * 60 * 1000, /* where nothing else is said */
};

/* One request, as HTTP has it and as its route has understood it. NULL is what is absent. */
typedef struct Call {
        Sandbox *sandbox;

        /* From HTTP; borrowed. */
        const char *path; /* as it was sent: nothing that we hand out needs an escape */
        const char *method;
        const char *authorization;
        const char *content_type;
        const char *origin;
        const char *user_agent;
        const char *address; /* of the client, numeric */
        const char *cursor;  /* of the query */
        const char *body;
        size_t body_len;
        bool body_too_large;

        /* From the route; owned. */
        char *tenancy_id;
        char *argument;
        json_t *json_body; /* of a POST: an object */

        /* From the route; lent by the sandbox. Set for a call that was admitted to a tenancy. */
        Tenancy *tenancy;
} Call;

/* Frees what the route has put there. */
void call_done(Call *call);

/* Redeems the token that the request brings under this name. Returns the owned payload, or NULL. */
json_t *call_redeem(const Call *call, const char *member, TokenKind kind);

/* Issues a token, whose payload is taken over, for so long from now on. Returns it, owned. */
char *call_issue(const Call *call, TokenKind kind, int64_t lifetime_ms, json_t *payload,
                 int64_t *ret_expires_at_ms);

/* Makes the handler's changes durable before the reply is sent. */
void call_touch(const Call *call);

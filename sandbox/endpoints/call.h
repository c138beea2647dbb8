/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/reply.h"
#include "sandbox/tenancy/sandbox.h"

enum {
        CALL_BODY_MAX = 64 * 1024,
        TOKEN_LIFETIME_MS = 5 * 60 * 1000, /* default */
};

/* An API call: the HTTP request and its parsed parts. Absent members are NULL. */
typedef struct Call {
        Sandbox *sandbox;

        /* From the HTTP request; borrowed. */
        const char *path; /* not percent-decoded: no issued id needs an escape */
        const char *method;
        const char *authorization;
        const char *content_type;
        const char *origin;
        const char *user_agent;
        const char *host;
        const char *address; /* client IP address */
        const char *cursor;  /* query parameter */
        const char *body;
        size_t body_len;
        bool body_too_large;

        /* Set by the route; owned. */
        char *tenancy_id;
        char *argument;
        json_t *json_body; /* JSON object, POST only */

        /* Set by the route after authentication; lent by the sandbox. */
        Tenancy *tenancy;
} Call;

/* Frees the members that the route has set. */
void call_done(Call *call);

/* Redeems the token in this member of the request. Returns the owned payload, or NULL. */
json_t *call_redeem(const Call *call, const char *member, TokenKind kind);

/*
 * Issues a token that expires after lifetime_ms; takes ownership of the payload. Returns an owned
 * token.
 */
char *call_issue(const Call *call, TokenKind kind, int64_t lifetime_ms, json_t *payload,
                 int64_t *ret_expires_at_ms);

/* Sets the dirty flag: the state file is saved before the reply is sent. */
void call_touch(const Call *call);

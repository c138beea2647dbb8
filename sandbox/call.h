/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/reply.h"
#include "sandbox/sandbox.h"

enum { CALL_BODY_MAX = 64 * 1024 };

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
        json_t *request; /* of a POST: an object */

        /* From the route; lent by the sandbox. Set for a call that was admitted to a tenancy. */
        Tenancy *tenancy;
} Call;

/* Frees what the route has put there. */
void call_done(Call *call);

/* Makes the handler's changes durable before the reply is sent. */
void call_touch(const Call *call);

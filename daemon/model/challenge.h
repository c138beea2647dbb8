/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A request for a mailbox challenge. Strings are lent. */
typedef struct ChallengeRequest {
        const char *email;
        const char *purpose;
        const char *name; /* this and the next two may be NULL */
        const char *user_id;
        const char *metadata; /* a JSON object, as text */
        bool invalidate_others;
        bool skip_rate_limit;
        bool send_email;
} ChallengeRequest;

/* A mailbox challenge. Strings are owned. */
typedef struct Challenge {
        char *id;
        char *purpose;
        char *email;
        char *user_id;  /* NULL: none */
        char *metadata; /* a JSON object, as text; NULL: none */
        uint64_t created_at_ms;
        uint64_t expires_at_ms;

        /* Set by creation only, else NULL: */
        char *secret;
        char *code;
        char *message_html;
        char *message_text;
} Challenge;

Challenge *challenge_new(void);
/* Wipes secret and code. */
Challenge *challenge_free(Challenge *challenge);
DEFINE_CLEANUP(Challenge *, challenge_free);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A mailbox challenge that is asked for. Strings are lent. */
typedef struct ChallengeRequest {
        const char *email;
        const char *purpose;
        const char *name; /* this and the next two: NULL if there is none */
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
        char *user_id;  /* NULL: none was given */
        char *metadata; /* a JSON object, as text; NULL: none was given */
        uint64_t created_at_ms;
        uint64_t expires_at_ms;

        /* When it is created, else NULL: */
        char *secret;
        char *code;
        char *message_html;
        char *message_text;
} Challenge;

Challenge *challenge_new(void);
/* Wipes secret and code. */
Challenge *challenge_free(Challenge *challenge);
DEFINE_CLEANUP(Challenge *, challenge_free);

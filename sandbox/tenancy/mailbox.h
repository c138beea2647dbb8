/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/reply.h"

/*
 * One-time codes that are sent by mail, of one tenancy. Whoever has asked for one gets a secret,
 * the recipient of the mail a code, and both together are good once. Only hashes of them are kept.
 */

enum {
        CHALLENGES_MAX = 10000,
        CHALLENGE_ATTEMPTS_MAX = 5,
        CHALLENGE_LIFETIME_MS = 10 * 60 * 1000,
};

/* Entries are {id: {"challenge", "secretHash", "codeHash", "attempts"}}, oldest first. */
typedef struct Mailbox {
        json_t *entries;
} Mailbox;

/* What is asked for. Borrowed; the last two may be NULL. */
typedef struct ChallengeRequest {
        const char *email;
        const char *purpose;
        const char *user_id;
        json_t *metadata;
} ChallengeRequest;

/* A new challenge. All are owned, and the challenge is as clients may read it. */
typedef struct NewChallenge {
        json_t *challenge;
        char *secret;
        char *code; /* six digits */
} NewChallenge;

void new_challenge_done(NewChallenge *challenge);

/* Takes what was saved, or nothing: NULL. Returns 0, or -EBADMSG if it is not a saved mailbox. */
int mailbox_init(Mailbox *mailbox, json_t *saved);
void mailbox_done(Mailbox *mailbox);

/* Issues a challenge. Where CHALLENGES_MAX are pending, the oldest makes room. */
void mailbox_create(Mailbox *mailbox, const ChallengeRequest *request, int64_t now_ms,
                    NewChallenge *ret);

/* Voids all challenges of the purpose and of the user, or of the address if no user is named. */
void mailbox_void(Mailbox *mailbox, const ChallengeRequest *request);

/* Returns a challenge that is pending, lent, or NULL. */
json_t *mailbox_find(const Mailbox *mailbox, const char *id, int64_t now_ms);

/*
 * Returns ERROR_NONE and the owned challenge, which is thereby used up; or why not. A wrong code is
 * counted. Nobody without the secret learns more than that it is ERROR_INVALID_CHALLENGE.
 */
ErrorTag mailbox_verify(Mailbox *mailbox, const char *id, const char *secret, const char *code,
                        int64_t now_ms, json_t **ret);

/* Forgets a challenge, if there is one with this id. */
void mailbox_delete(Mailbox *mailbox, const char *id);

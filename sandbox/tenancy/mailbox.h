/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/reply.h"

/*
 * Email verification challenges of a tenancy. The backend gets a secret, the mail has a code; both
 * together verify the address, once. Only hashes are stored.
 */

enum {
        CHALLENGES_MAX = 10000,
        CHALLENGE_ATTEMPTS_MAX = 5,
        CHALLENGE_LIFETIME_MS = 10 * 60 * 1000,
};

/* {id: {"challenge", "secretHash", "codeHash", "attempts"}}, oldest first. */
typedef struct Mailbox {
        json_t *entries;
} Mailbox;

/* Borrowed; the last two may be NULL. */
typedef struct ChallengeRequest {
        const char *email;
        const char *purpose;
        const char *user_id;
        json_t *metadata;
} ChallengeRequest;

/* A new challenge. All members are owned; the JSON has no secrets. */
typedef struct NewChallenge {
        json_t *challenge;
        char *secret;
        char *code; /* six digits */
} NewChallenge;

void new_challenge_done(NewChallenge *challenge);

/* Restores saved entries; NULL: starts empty. Returns 0, or -EBADMSG if malformed. */
int mailbox_init(Mailbox *mailbox, json_t *saved);
void mailbox_done(Mailbox *mailbox);

/* Creates a challenge; drops the oldest of CHALLENGES_MAX. */
void mailbox_create(Mailbox *mailbox, const ChallengeRequest *request, int64_t now_ms,
                    NewChallenge *ret);

/* Invalidates all challenges with this purpose and user; with this address, if user_id is NULL. */
void mailbox_void(Mailbox *mailbox, const ChallengeRequest *request);

/* Returns a pending challenge, lent, or NULL. */
json_t *mailbox_find(const Mailbox *mailbox, const char *id, int64_t now_ms);

/*
 * Verifies and consumes a challenge. Returns ERROR_NONE and the owned challenge, or an error; a
 * wrong code counts as an attempt. With a wrong secret the error is always ERROR_INVALID_CHALLENGE.
 */
ErrorTag mailbox_verify(Mailbox *mailbox, const char *id, const char *secret, const char *code,
                        int64_t now_ms, json_t **ret);

/* Deletes a challenge, if the id exists. */
void mailbox_delete(Mailbox *mailbox, const char *id);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/*
 * One-time tokens and codes. Each is redeemed at most once, before it expires, for the kind that it
 * was issued as, and in the tenancy whose store this is. Only its hash is kept, so that neither the
 * state file nor the time of a lookup says anything about a token.
 */

typedef enum TokenKind {
        TOKEN_REGISTRATION,           /* page: redeemed for creation options */
        TOKEN_REGISTRATION_SESSION,   /* page: redeemed with the new credential */
        TOKEN_AUTHENTICATION,         /* page: redeemed for request options */
        TOKEN_AUTHENTICATION_SESSION, /* page: redeemed with the assertion */
        TOKEN_CODE,                   /* backend: redeemed for a principal */
        TOKEN_UPDATE,                 /* page: these three are redeemed for instructions */
        TOKEN_DELETE,
        TOKEN_PRUNE,
        _TOKEN_KIND_MAX,
} TokenKind;

enum { TOKENS_MAX = 100000 };

/* Entries are {hash: {"kind", "expiresAt", "payload"}}, as the state file has them, oldest first.
 */
typedef struct TokenStore {
        json_t *entries;
} TokenStore;

/* Takes what was saved, or nothing: NULL. Returns 0, or -EBADMSG if it is not a saved store. */
int token_store_init(TokenStore *store, json_t *saved);
void token_store_done(TokenStore *store);

/*
 * Keeps a payload (the reference is taken over) until expires_at_ms, and returns the owned token.
 * Where TOKENS_MAX are pending, the oldest makes room.
 */
char *token_store_issue(TokenStore *store, TokenKind kind, int64_t now_ms, int64_t expires_at_ms,
                        json_t *payload);

/* Returns the owned payload of a token that is good, and forgets the token; NULL otherwise. */
json_t *token_store_redeem(TokenStore *store, TokenKind kind, int64_t now_ms, const char *token);

/* Forgets what has expired. */
void token_store_purge(TokenStore *store, int64_t now_ms);

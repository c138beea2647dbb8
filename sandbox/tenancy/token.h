/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/*
 * One-time tokens and codes of a tenancy. A token is redeemed at most once, before its expiry, as
 * the kind that was issued. Only hashes are stored, so that neither the state file nor the timing
 * of a lookup reveals a token.
 */

typedef enum TokenKind {
        TOKEN_REGISTRATION,           /* page: redeemed for creation options */
        TOKEN_REGISTRATION_SESSION,   /* page: redeemed with the new credential */
        TOKEN_AUTHENTICATION,         /* page: redeemed for request options */
        TOKEN_AUTHENTICATION_SESSION, /* page: redeemed with the assertion */
        TOKEN_CODE,                   /* backend: redeemed for a principal */
        TOKEN_UPDATE, /* page: the last three are redeemed for Signal API instructions */
        TOKEN_DELETE,
        TOKEN_PRUNE,
        _TOKEN_KIND_MAX,
} TokenKind;

enum { TOKENS_MAX = 100000 };

/* {hash: {"kind", "expiresAt", "payload"}}, oldest first, as in the state file. */
typedef struct TokenStore {
        json_t *entries;
} TokenStore;

/* Restores saved entries; NULL: starts empty. Returns 0, or -EBADMSG if malformed. */
int token_store_init(TokenStore *store, json_t *saved);
void token_store_done(TokenStore *store);

/*
 * Issues a token; takes ownership of the payload and drops the oldest of TOKENS_MAX. Returns the
 * owned token.
 */
char *token_store_issue(TokenStore *store, TokenKind kind, int64_t now_ms, int64_t expires_at_ms,
                        json_t *payload);

/* Consumes a valid token. Returns the owned payload, or NULL. */
json_t *token_store_redeem(TokenStore *store, TokenKind kind, int64_t now_ms, const char *token);

/* Removes expired tokens. */
void token_store_purge(TokenStore *store, int64_t now_ms);

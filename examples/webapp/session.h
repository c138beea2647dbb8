/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "examples/webapp/account.h"

/* Sessions, identified by a cookie, before and after sign-in. */

typedef struct Sessions Sessions;

/* 256 and 128 random bits in hexadecimal. */
#define SESSION_TOKEN_LEN      64
#define SESSION_REQUEST_ID_LEN 32

/*
 * Do not keep a pointer across an asynchronous call: the session may be evicted. Find it again by
 * the cookie.
 */
typedef struct Session {
        /* cookie value */
        char token[SESSION_TOKEN_LEN + 1];
        /* idempotency key of exchanges */
        char request_id[SESSION_REQUEST_ID_LEN + 1];
        /* signed-in account, or NULL */
        Account *account;
        /* the only account that may sign in, or NULL for any */
        const Account *expected;
        /* principal of the sign-in; NULL after sign-up */
        passlock_principal *principal;
        uint64_t used_at_ms;
} Session;

int sessions_new(Sessions **ret);
Sessions *sessions_free(Sessions *sessions);

/* Returns the session of a cookie, which may be NULL; NULL if not found. */
Session *sessions_find(Sessions *sessions, const char *token);

/* Creates a session without account; may evict another session. Returns 0 or -EIO. */
int sessions_begin(Sessions *sessions, Session **ret);

/*
 * Signs in; `principal` may be NULL. Replaces the token, against session fixation. Returns 0 or
 * -EIO.
 */
int session_sign_in(Session *session, Account *account, passlock_principal *principal);

void session_end(Session *session);

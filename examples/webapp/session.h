/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "examples/webapp/account.h"

/* A browser that comes back, by its cookie: somebody who is signed in, or is about to be. */

typedef struct Sessions Sessions;

/* 256 and 128 random bits in hex. */
#define SESSION_TOKEN_LEN      64
#define SESSION_REQUEST_ID_LEN 32

/* Not to be kept while waiting for the daemon: it may end. Find it again by its cookie. */
typedef struct Session {
        /* The cookie's value. */
        char token[SESSION_TOKEN_LEN + 1];
        /* For exchanges: asked again with the same code, the daemon gives the same answer. */
        char request_id[SESSION_REQUEST_ID_LEN + 1];
        /* Who is signed in, or NULL. */
        Account *account;
        /* Who must be the one that signs in, or NULL for anybody. */
        const Account *expected;
        /* What is known of the sign-in; NULL of who has just signed up. */
        passlock_principal *principal;
        uint64_t used_at_ms;
} Session;

int sessions_new(Sessions **ret);
Sessions *sessions_free(Sessions *sessions);

/* The session of a cookie (NULL: none was sent); NULL if there is none. */
Session *sessions_find(Sessions *sessions, const char *token);

/* Begins one in which nobody is signed in; an old one may end for it. Returns 0 or -EIO. */
int sessions_begin(Sessions *sessions, Session **ret);

/*
 * Signs somebody in; `principal` may be NULL. The token is a new one, so that whoever knew it
 * before does not get in as well. Returns 0 or -EIO.
 */
int session_sign_in(Session *session, Account *account, passlock_principal *principal);

void session_end(Session *session);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/*
 * Who has signed up, and who is signed in. In memory only: a real app has a database here. What a
 * user's passkeys are is not kept here at all; passlockd knows.
 */

typedef struct Accounts Accounts;

/* 256 and 128 random bits in hex. */
#define SESSION_TOKEN_LEN 64
#define RANDOM_ID_LEN     32

typedef struct User {
        /* Random, and never reused or shown: what passkeys are bound to. */
        char id[RANDOM_ID_LEN + 1];
        char *username;
        char *display_name;
} User;

typedef struct Session {
        char token[SESSION_TOKEN_LEN + 1];
        /* Of the passkey that is being made: asked again, the daemon gives the same answer. */
        char request_id[RANDOM_ID_LEN + 1];
        const User *user;
        uint64_t used_at_ms;
} Session;

int accounts_new(Accounts **ret);
Accounts *accounts_free(Accounts *accounts);

/*
 * Adds a user. Returns 0, -EEXIST if the name is taken (case makes no difference), -ENOSPC if there
 * are too many users, -ENOMEM.
 */
int accounts_add_user(Accounts *accounts, const char *username, const char *display_name,
                      const User **ret);

/* Signs a user in; the session that was idle for longest makes room. Returns 0 or an errno. */
int accounts_open_session(Accounts *accounts, const User *user, Session **ret);

/* The session of a cookie; NULL if there is none. Lent until the next call of anything here. */
Session *accounts_find_session(Accounts *accounts, const char *token);

/* Signs out. */
void session_close(Session *session);

/* Begins the making of a passkey: renews the session's request id. Returns 0 or an errno. */
int session_renew_request_id(Session *session);

/* What sign-up accepts: 1..32 of [A-Za-z0-9._-], and 1..128 bytes without control characters. */
int username_is_valid(const char *username);
int display_name_is_valid(const char *display_name);

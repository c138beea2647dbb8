/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Who has signed up, and is signed in. In memory only: a real app has a database here. What a
 * user's passkeys are is not kept here at all; passlockd knows.
 */

typedef struct Accounts Accounts;

/* 256 and 128 random bits in hex. */
#define SESSION_LEN   64
#define RANDOM_ID_LEN 32

typedef struct Account {
        /* Random, and never reused or shown: what passkeys are bound to. */
        char id[RANDOM_ID_LEN + 1];
        char *username;
        char *display_name;
        /* The cookie's value; "" when signed out. */
        char session[SESSION_LEN + 1];
        uint64_t used_at_ms;
        /* Of the passkey that is being made: asked again, the daemon gives the same answer. */
        char request_id[RANDOM_ID_LEN + 1];
} Account;

int accounts_new(Accounts **ret);
Accounts *accounts_free(Accounts *accounts);

/*
 * Makes an account, signed in; it stays for the life of `accounts`. Returns 0, -EEXIST if the name
 * is taken (case makes no difference), -ENOSPC if there are too many, or -ENOMEM.
 */
int accounts_sign_up(Accounts *accounts, const char *username, const char *display_name,
                     Account **ret);

/* Who is signed in with a cookie (NULL: none was sent); NULL if nobody is. */
Account *accounts_find(Accounts *accounts, const char *session);

void account_sign_out(Account *account);

/* Begins the making of a passkey. Returns 0 or -EIO. */
int account_renew_request_id(Account *account);

/* What sign-up accepts: 1..32 of [A-Za-z0-9._-], and 1..128 bytes without control characters. */
bool username_is_valid(const char *username);
bool display_name_is_valid(const char *display_name);

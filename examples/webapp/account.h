/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * Who has signed up. In memory only: a real app has a database here. What a user's passkeys are is
 * not kept here at all; passlockd knows.
 */

typedef struct Accounts Accounts;

typedef struct Account {
        /* Never changed and never reused: what passkeys are bound to. */
        char *id;
        /* Both NULL while all that is known of somebody is the id. */
        char *username;
        char *display_name;
} Account;

int accounts_new(Accounts **ret);
Accounts *accounts_free(Accounts *accounts);

/*
 * Makes an account with a random id; it stays for the life of `accounts`. Returns 0, -EEXIST if the
 * name is taken (case makes no difference), -ENOSPC if there are too many, -ENOMEM, or -EIO.
 */
int accounts_sign_up(Accounts *accounts, const char *username, const char *display_name,
                     Account **ret);

/*
 * Whose passkey it is that was signed in with. An id that is not known is that of an account from
 * before a restart, and gets one without names. Returns 0, -ENOSPC or -ENOMEM.
 */
int accounts_welcome(Accounts *accounts, const char *id, Account **ret);

/* NULL if there is none. */
Account *accounts_find_by_username(const Accounts *accounts, const char *username);

/* Returns 0, -EEXIST if somebody else has the name, or -ENOMEM. */
int accounts_rename(const Accounts *accounts, Account *account, const char *username,
                    const char *display_name);

/* What is accepted: 1..32 of [A-Za-z0-9._-], and 1..128 bytes without control characters. */
bool username_is_valid(const char *username);
bool display_name_is_valid(const char *display_name);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * User accounts, in memory only: a real app has a database. The passkeys of a user are not stored
 * here, but read from passlockd.
 */

typedef struct Accounts Accounts;

typedef struct Account {
        /* The user id of the passkeys: never changed, never reused. */
        char *id;
        /* NULL, as display_name, if only the id is known, after a restart. */
        char *username;
        char *display_name;
} Account;

int accounts_new(Accounts **ret);
Accounts *accounts_free(Accounts *accounts);

/*
 * Creates an account with a random id, lent. Returns 0, -EEXIST if the username is taken (case-
 * insensitive), -ENOSPC if there are too many accounts, -ENOMEM, or -EIO.
 */
int accounts_sign_up(Accounts *accounts, const char *username, const char *display_name,
                     Account **ret);

/*
 * Returns the account of an authenticated user id. An unknown id, from before a restart, gets a new
 * account without names. Returns 0, -ENOSPC or -ENOMEM.
 */
int accounts_welcome(Accounts *accounts, const char *id, Account **ret);

/* Returns NULL if not found. */
Account *accounts_find_by_username(const Accounts *accounts, const char *username);

/* Returns 0, -EEXIST if the username is taken, or -ENOMEM. */
int accounts_rename(const Accounts *accounts, Account *account, const char *username,
                    const char *display_name);

/* Usernames: 1..32 of [A-Za-z0-9._-]. Display names: 1..128 bytes without control characters. */
bool username_is_valid(const char *username);
bool display_name_is_valid(const char *display_name);

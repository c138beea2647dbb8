/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"
#include "daemon/config/config.h"
#include "keyholder/origin.h"
#include "keyholder/protocol/protocol.h"

/*
 * An account: URL, trust and key of a tenancy, see protocol.h. Immutable and reference-counted:
 * with another key it is another object of the same id. One that another configuration has replaced
 * is kept for the calls that have begun with it, until the daemon releases it, but ten minutes at
 * most: longer than a call may take.
 */
typedef struct Account {
        unsigned n_ref;
        uint64_t id;     /* of URL and trust */
        uint64_t key_id; /* 0: no key */
        char *tenancy_id;
        Origin *origin;
        Secret *key; /* NULL: none */
} Account;

Account *account_ref(Account *account);
Account *account_unref(Account *account);
DEFINE_CLEANUP(Account *, account_unref);

/* All accounts: one in force for each label, and replaced ones. */
typedef struct Accounts Accounts;

/* `nonce` keys the ids. Returns 0 or -ENOMEM. */
int accounts_new(sd_event *event, const uint8_t nonce[static PROTOCOL_HELLO_NONCE_LEN],
                 Accounts **ret);
Accounts *accounts_free(Accounts *accounts);
DEFINE_CLEANUP(Accounts *, accounts_free);

/* The account in force of a label, or NULL; lent. */
Account *accounts_find_label(const Accounts *accounts, const char *label);
/* An account of a tenancy id in force, or NULL; lent. */
Account *accounts_find_tenancy(const Accounts *accounts, const char *tenancy_id);
/* An account by its id, in force or replaced, or NULL; lent. */
Account *accounts_find(const Accounts *accounts, uint64_t id);

/* Gives the label an account with these settings. The key may be NULL, and is referenced. Returns 0
 * with the account, lent, or the result of origin_new(). */
int accounts_set(Accounts *accounts, const TenancyConfig *config, Secret *key, Account **ret);
/* Drops the account of the label that is first in the list and that the configuration does not
 * have. Returns false if there is none; else the label, the caller's, NULL if out of memory. */
bool accounts_drop_stale(Accounts *accounts, const Config *config, char **ret_label);
/* Drops an account, unless it is in force. */
void accounts_release(Accounts *accounts, uint64_t id);

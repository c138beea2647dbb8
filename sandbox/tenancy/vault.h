/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/passkey.h"

enum { VAULT_PAGE_LEN = 100 };

/* The passkeys of one tenancy. */
typedef struct Vault {
        json_t *passkeys; /* by creation: ids grow, so that an id is also a place in the list */
        json_t *by_id, *by_credential;
        json_t *by_user; /* {user id: {id: passkey}} */
        unsigned long last_number;
} Vault;

/* Takes what was saved, or nothing: NULL. Returns 0, or -EBADMSG if it is not a saved vault. */
int vault_init(Vault *vault, json_t *saved);
void vault_done(Vault *vault);

/* Lent by the vault, or NULL. */
json_t *vault_find(const Vault *vault, const char *id);
json_t *vault_find_credential(const Vault *vault, const char *credential_id);

/* Each is an owned array of those that there are, perhaps empty. */
json_t *vault_of_user(const Vault *vault, const char *user_id);
json_t *vault_pick(const Vault *vault, const json_t *ids);

/* Adds a passkey and returns it, lent. The credential id must be a new one. */
const json_t *vault_add(Vault *vault, const PasskeyOwner *owner, const Credential *credential,
                        int64_t now_ms);

/*
 * Adds a passkey (taken over) as "pk_", this number in eight hexadecimal digits, "_" and 16 more
 * characters have made its id. The number must be greater than all so far, the credential a new
 * one.
 */
void vault_insert(Vault *vault, unsigned long number, json_t *passkey);

/* Forgets a passkey of this vault. Its last reference may be the vault's. */
void vault_remove(Vault *vault, json_t *passkey);

/*
 * Returns the owned summaries that follow a cursor (NULL: from the start), and the owned cursor of
 * the next page, or NULL after the last one. Returns NULL if the cursor is none of ours.
 */
json_t *vault_page(const Vault *vault, const char *cursor, char **ret_cursor);

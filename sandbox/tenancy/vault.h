/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/passkey.h"

enum { VAULT_PAGE_LEN = 100 };

/* The passkeys of one tenancy. */
typedef struct Vault {
        json_t *passkeys; /* sorted by id, which is the order of creation */
        json_t *by_id, *by_credential;
        json_t *by_user; /* {user id: {id: passkey}} */
        unsigned long last_number;
} Vault;

/* Restores saved passkeys; NULL: starts empty. Returns 0, or -EBADMSG if malformed. */
int vault_init(Vault *vault, json_t *saved);
void vault_done(Vault *vault);

/* Lent by the vault, or NULL. */
json_t *vault_find(const Vault *vault, const char *id);
json_t *vault_find_credential(const Vault *vault, const char *credential_id);

/* Each returns an owned array of the existing passkeys, which may be empty. */
json_t *vault_of_user(const Vault *vault, const char *user_id);
json_t *vault_pick(const Vault *vault, const json_t *ids);

/* Adds a passkey and returns it, lent. The credential id must be new. */
const json_t *vault_add(Vault *vault, const PasskeyOwner *owner, const Credential *credential,
                        int64_t now_ms);

/*
 * Adds a passkey, with ownership, whose id is "pk_", the number in eight hexadecimal digits, "_"
 * and 16 characters. The number must be the greatest so far, the credential id new.
 */
void vault_insert(Vault *vault, unsigned long number, json_t *passkey);

/* Removes a passkey, and may free it. */
void vault_remove(Vault *vault, json_t *passkey);

/*
 * Returns the owned summaries after a cursor (NULL: first page), and the owned cursor of the next
 * page, or NULL on the last page. Returns NULL if the cursor is invalid.
 */
json_t *vault_page(const Vault *vault, const char *cursor, char **ret_cursor);

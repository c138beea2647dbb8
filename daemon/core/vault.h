/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/call.h"

/* The passkeys in the API's vault. Returns as described in call.h, and also NOT_CONFIGURED. */

/* Result: passkey. Also NOT_FOUND. */
int vault_get(Tenancy *tenancy, const char *passkey_id, ResultFunc func, void *userdata,
              Call **ret);
/* Result: passkeys, next_cursor. `cursor` is "" for the first page. */
int vault_list(Tenancy *tenancy, const char *cursor, ResultFunc func, void *userdata, Call **ret);
/* Result: management, also of the functions below. */
int vault_prune(Tenancy *tenancy, const char *user_id, ResultFunc func, void *userdata, Call **ret);

/* `display_name` may be NULL. */
int vault_update(Tenancy *tenancy, const char *user_id, const char *username,
                 const char *display_name, ResultFunc func, void *userdata);

/*
 * Deletes passkeys by ids, or all passkeys of a user (the other argument is NULL). Removes their
 * links before the callback runs. If the API's reply is lost, each passkey is looked up, and the
 * links of deleted passkeys are removed; the result is UNREACHABLE nevertheless, because the token
 * is lost. STORE_FULL and STORE_FAILED mean that the passkeys are deleted, but not their links.
 */
int vault_delete(Tenancy *tenancy, char *const *passkey_ids, const char *user_id,
                 const AuditOrigin *origin, ResultFunc func, void *userdata);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/api/api.h"

/* All passkeys of the vault, page by page. Its calls are background calls. */
typedef struct VaultWalk VaultWalk;

/* Holds the Api. Returns 0 or a negative errno. */
int vault_walk_new(Api *api, VaultWalk **ret);
/* A page that is being asked for is called off. NULL is fine. Returns NULL. */
VaultWalk *vault_walk_free(VaultWalk *walk);
DEFINE_CLEANUP(VaultWalk *, vault_walk_free);

/* Asks for the next page: one at a time, and not after the last. Result: passkeys. The function may
 * free the walk or go on. Returns what api_list_passkeys() does. */
int vault_walk_next(VaultWalk *walk, ResultFunc func, void *userdata);
/* Whether the last page has come. */
bool vault_walk_is_done(const VaultWalk *walk);
/* Whether a page is being asked for. */
bool vault_walk_is_asking(const VaultWalk *walk);

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

/* The page is lent, and there with r == 0 only. The function may free the walk or go on. */
typedef void (*VaultWalkFunc)(int r, uint32_t retry_after_s, const PasskeyList *passkeys,
                              void *userdata);
/* Asks for the next page: one at a time, and not after the last. Returns what api_list_passkeys()
 * does. */
int vault_walk_next(VaultWalk *walk, VaultWalkFunc func, void *userdata);
/* Whether the last page has come. */
bool vault_walk_is_done(const VaultWalk *walk);
/* Whether a page is being asked for. */
bool vault_walk_is_asking(const VaultWalk *walk);

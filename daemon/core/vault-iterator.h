/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/api/api.h"

/* All passkeys of the vault, page by page. Its calls are background calls. */
typedef struct VaultIterator VaultIterator;

/* Holds the Api. Returns 0 or a negative errno. */
int vault_iterator_new(Api *api, VaultIterator **ret);
/* A page that is being asked for is called off. NULL is fine. Returns NULL. */
VaultIterator *vault_iterator_free(VaultIterator *iterator);
DEFINE_CLEANUP(VaultIterator *, vault_iterator_free);

/* Asks for the next page: one at a time, and not after the last. Result: passkeys. The function may
 * free the iterator or go on. Returns what api_list_passkeys() does. */
int vault_iterator_next(VaultIterator *iterator, ResultFunc func, void *userdata);
/* Whether the last page has come. */
bool vault_iterator_is_done(const VaultIterator *iterator);
/* Whether a page is being asked for. */
bool vault_iterator_is_asking(const VaultIterator *iterator);

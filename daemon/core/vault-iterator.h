/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/api/api.h"

/* Iterates over all passkeys of the vault, page by page, with background calls. */
typedef struct VaultIterator VaultIterator;

/* References the Api. Returns 0 or a negative errno. */
int vault_iterator_new(Api *api, VaultIterator **ret);
/* Cancels the call in flight. NULL is fine. Returns NULL. */
VaultIterator *vault_iterator_free(VaultIterator *iterator);
DEFINE_CLEANUP(VaultIterator *, vault_iterator_free);

/* Requests the next page: not while another page is requested, nor after the last. Result:
 * passkeys. The function may free the iterator or request the next page. Returns as
 * api_list_passkeys(). */
int vault_iterator_next(VaultIterator *iterator, ResultFunc func, void *userdata);
/* Whether the last page has been received. */
bool vault_iterator_is_done(const VaultIterator *iterator);
/* Whether a page is requested. */
bool vault_iterator_is_asking(const VaultIterator *iterator);

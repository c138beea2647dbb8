/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/record.h"
#include "daemon/store/txn.h"

/* Answers expire on the store's clock. */

/* NOT_FOUND if there is none or it has expired; 0, or a negative errno. */
int idempotency_table_get(Txn *txn, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                          IdempotencyRecord *ret);

/* Replaces the answer under the key; it expires after STORE_IDEMPOTENCY_TTL_MS. Returns 0 or a
 * negative errno. */
int idempotency_table_put(Txn *txn, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                          const IdempotencyRecord *answer);

/* Removes some that have expired: more than are added between two calls, and no more than can be
 * done in passing. Returns 0 or a negative errno. */
int idempotency_table_prune(Txn *txn);

/* When the last one expires, 0 if there is none. Returns 0 or a negative errno. */
int idempotency_table_last(Txn *txn, uint64_t *ret_expires_at_ms);

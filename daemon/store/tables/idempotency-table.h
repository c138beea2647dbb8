/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/lmdb/record.h"
#include "daemon/store/lmdb/txn.h"

/* Idempotency records of exchanges, which expire on the store's clock. */

/* Returns 0, NOT_FOUND for a missing or expired record, or a negative errno. */
int idempotency_table_get(Txn *txn, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                          IdempotencyRecord *ret);

/* Replaces the record under the key; it expires after STORE_IDEMPOTENCY_TTL_MS. Returns 0 or a
 * negative errno. */
int idempotency_table_put(Txn *txn, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                          const IdempotencyRecord *answer);

/* Stores a record of another host, whose clock is another one: it expires after the same time from
 * now. Removes a few expired records. Returns 0 or a negative errno. */
int idempotency_table_set(Txn *txn, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                          const IdempotencyRecord *answer);

/* Removes a few expired records: more than one exchange adds, so that the table is bounded, but
 * few, so that the transaction stays short. Returns 0 or a negative errno. */
int idempotency_table_prune(Txn *txn);

/* Gets the latest expiry time, 0 for an empty table. Returns 0 or a negative errno. */
int idempotency_table_last(Txn *txn, uint64_t *ret_expires_at_ms);

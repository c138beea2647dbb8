/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/lmdb/txn.h"

/* Changes that the shared log does not have yet, as records of shared/outbox-entry.h, by ascending
 * ids. Functions return 0 or a negative errno. */

int outbox_table_put(Txn *txn, uint64_t id, const void *record, size_t len);
/* A missing entry is no error. */
int outbox_table_remove(Txn *txn, uint64_t id);
/* Gets the first entry with an id above `after`; -ENOENT if there is none. */
int outbox_table_next(Txn *txn, uint64_t after, uint64_t *ret_id, MDB_val *ret_record);
int outbox_table_count(Txn *txn, uint64_t *ret);

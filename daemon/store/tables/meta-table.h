/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/lmdb/txn.h"

/* Times on the store's clock, by name. */
#define META_CLOCK             "clock"             /* when the store was closed */
#define META_DECISIONS_DROPPED "decisions-dropped" /* up to when decisions have been dropped */

/* *ret_ms is 0 if there is none. Return 0 or a negative errno. */
int meta_table_get_time(Txn *txn, const char *name, uint64_t *ret_ms);
int meta_table_put_time(Txn *txn, const char *name, uint64_t ms);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/lmdb/record.h"
#include "daemon/store/lmdb/txn.h"

/* Functions return 0 or a negative errno. */

/* -ENOENT for an unknown tenancy. */
int tenancy_table_get(Txn *txn, const char *tenancy_id, TenancyRecord *ret);
/* Gets only the number, from the cache of the transaction if it has one. -ENOENT for an unknown
 * tenancy. */
int tenancy_table_get_number(Txn *txn, const char *tenancy_id, uint32_t *ret);
/* Like tenancy_table_get(), but an unknown tenancy gets a new number, which is not stored yet. */
int tenancy_table_get_or_new(Txn *txn, const char *tenancy_id, TenancyRecord *ret);
int tenancy_table_put(Txn *txn, const char *tenancy_id, const TenancyRecord *tenancy);
/* Lists the ids of all tenancies, which the caller frees. */
int tenancy_table_list(Txn *txn, char ***ret);

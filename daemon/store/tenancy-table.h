/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/record.h"
#include "daemon/store/txn.h"

/* Each returns 0 or a negative errno. */

/* -ENOENT if the store has never heard of it. */
int tenancy_table_get(Txn *txn, const char *tenancy_id, TenancyRecord *ret);
/* As above, or one with a new number, which is not written yet. */
int tenancy_table_get_or_new(Txn *txn, const char *tenancy_id, TenancyRecord *ret);
int tenancy_table_put(Txn *txn, const char *tenancy_id, const TenancyRecord *tenancy);

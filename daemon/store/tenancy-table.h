/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/record.h"
#include "daemon/store/txn.h"

/* Functions return 0 or a negative errno. */

/* -ENOENT for an unknown tenancy. */
int tenancy_table_get(Txn *txn, const char *tenancy_id, TenancyRecord *ret);
/* Like tenancy_table_get(), but an unknown tenancy gets a new number, which is not stored yet. */
int tenancy_table_get_or_new(Txn *txn, const char *tenancy_id, TenancyRecord *ret);
int tenancy_table_put(Txn *txn, const char *tenancy_id, const TenancyRecord *tenancy);

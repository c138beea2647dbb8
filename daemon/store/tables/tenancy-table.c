/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/store/tables/tenancy-table.h"

int tenancy_table_get(Txn *txn, const char *tenancy_id, TenancyRecord *ret)
{
        TenancyRecord tenancy = {};
        int r;

        r = txn_get_record(txn, DATABASE_TENANCIES, string_val(tenancy_id), &tenancy_record,
                           &tenancy);
        if (r < 0)
                return r;
        *ret = tenancy;
        return 0;
}

int tenancy_table_get_number(Txn *txn, const char *tenancy_id, uint32_t *ret)
{
        TenancyRecord tenancy;
        int r;

        if (txn->tenancies && tenancy_cache_get(txn->tenancies, tenancy_id, ret))
                return 0;
        r = tenancy_table_get(txn, tenancy_id, &tenancy);
        if (r < 0)
                return r;
        if (txn->tenancies)
                tenancy_cache_add(txn->tenancies, tenancy_id, tenancy.number);
        *ret = tenancy.number;
        return 0;
}

int tenancy_table_get_or_new(Txn *txn, const char *tenancy_id, TenancyRecord *ret)
{
        uint64_t n_tenancies;
        int r;

        r = tenancy_table_get(txn, tenancy_id, ret);
        if (r != -ENOENT)
                return r;

        /* Tenancies are never removed, so their count is an unused number. */
        r = txn_count(txn, DATABASE_TENANCIES, &n_tenancies);
        if (r < 0)
                return r;
        if (n_tenancies > UINT32_MAX)
                return -EOVERFLOW;
        *ret = (TenancyRecord){.number = (uint32_t) n_tenancies};
        return 0;
}

int tenancy_table_put(Txn *txn, const char *tenancy_id, const TenancyRecord *tenancy)
{
        return txn_put_record(txn, DATABASE_TENANCIES, string_val(tenancy_id), &tenancy_record,
                              tenancy);
}

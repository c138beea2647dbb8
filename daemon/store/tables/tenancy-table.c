/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/model/valid.h"
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

static int push_id(char ***list, const MDB_val *key)
{
        _cleanup_(freep) char *id = strndup(key->mv_data, key->mv_size);

        if (!id)
                return -ENOMEM;
        return tenancy_id_is_valid(id) ? strv_push(list, id) : -EBADMSG;
}

int tenancy_table_list(Txn *txn, char ***ret)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        _cleanup_(strv_freep) char **list = NULL;
        MDB_val key, value;
        int r;

        r = txn_cursor(txn, DATABASE_TENANCIES, &cursor);
        if (r == 0)
                r = cursor_get(cursor, MDB_FIRST, &key, &value);
        while (r == 0) {
                r = push_id(&list, &key);
                if (r == 0)
                        r = cursor_get(cursor, MDB_NEXT, &key, &value);
        }
        if (r != -ENOENT)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <endian.h>
#include <errno.h>

#include "daemon/store/tables/meta-table.h"

int meta_table_get_time(Txn *txn, const char *name, uint64_t *ret_ms)
{
        uint64_t time = 0;
        MDB_val value;
        int r;

        r = txn_get(txn, DATABASE_META, string_val(name), &value);
        if (r == 0 && value.mv_size != sizeof(time))
                return -EBADMSG;
        if (r < 0 && r != -ENOENT)
                return r;
        if (r == 0)
                memcpy(&time, value.mv_data, sizeof(time));
        *ret_ms = be64toh(time);
        return 0;
}

int meta_table_put_time(Txn *txn, const char *name, uint64_t ms)
{
        uint64_t time = htobe64(ms);

        return txn_put(txn, DATABASE_META, string_val(name),
                       (MDB_val){.mv_data = &time, .mv_size = sizeof(time)});
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/store/tables/outbox-table.h"

int outbox_table_put(Txn *txn, uint64_t id, const void *record, size_t len)
{
        StoreKey key;

        key_for_id(id, &key);
        return txn_put(txn, DATABASE_OUTBOX, key_val(&key),
                       (MDB_val){.mv_data = (void *) record, .mv_size = len});
}

int outbox_table_remove(Txn *txn, uint64_t id)
{
        StoreKey key;
        int r;

        key_for_id(id, &key);
        r = txn_delete(txn, DATABASE_OUTBOX, key_val(&key), NULL);
        return r == -ENOENT ? 0 : r;
}

int outbox_table_next(Txn *txn, uint64_t after, uint64_t *ret_id, MDB_val *ret_record)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        StoreKey start;
        MDB_val key;
        int r;

        key_for_id(after + 1, &start);
        key = key_val(&start);
        r = txn_cursor(txn, DATABASE_OUTBOX, &cursor);
        if (r == 0)
                r = cursor_get(cursor, MDB_SET_RANGE, &key, ret_record);
        return r < 0 ? r : key_parse_id(key.mv_data, key.mv_size, ret_id);
}

int outbox_table_count(Txn *txn, uint64_t *ret)
{
        return txn_count(txn, DATABASE_OUTBOX, ret);
}

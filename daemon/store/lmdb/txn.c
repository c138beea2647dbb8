/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/log.h"
#include "daemon/store/lmdb/txn.h"
#include "dbus/error.h"

static int map_lmdb_code(int rc)
{
        switch (rc) {
        case MDB_SUCCESS:
                return 0;
        case MDB_NOTFOUND:
                return -ENOENT;
        case MDB_MAP_FULL:
                return -EXFULL;
        case MDB_PANIC:
        case MDB_MAP_RESIZED:
                return -ENOTRECOVERABLE;
        case MDB_INVALID:
        case MDB_VERSION_MISMATCH:
        case MDB_INCOMPATIBLE:
        case MDB_CORRUPTED:
        case MDB_PAGE_NOTFOUND:
                return -EMEDIUMTYPE;
        default:
                return rc > 0 ? -rc : -EIO;
        }
}

int lmdb_errno_at(int rc, const char *file, int line, const char *func)
{
        int r = map_lmdb_code(rc);

        if (r < 0 && rc != MDB_NOTFOUND)
                log_errno_origin_at(r, file, line, func);
        return r;
}

int store_error_from_errno(int r)
{
        if (r >= 0)
                return r;
        switch (-r) {
        case ENOMEM:
                return r;
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
        case EXFULL:
                return ERROR_STORE_FULL;
        default:
                return ERROR_STORE_FAILED;
        }
}

int txn_begin(MDB_env *mdb, const Schema *schema, unsigned flags, Txn *ret)
{
        Txn txn = {.schema = schema};
        int r;

        r = mdb_txn_begin(mdb, NULL, flags, &txn.mdb);
        if (r != 0)
                return lmdb_errno(r);
        *ret = txn;
        return 0;
}

int txn_renew(MDB_env *mdb, const Schema *schema, MDB_txn **reusable, Txn *ret)
{
        Txn txn = {.schema = schema, .mdb = TAKE_PTR(*reusable)};
        int r;

        if (txn.mdb) {
                r = mdb_txn_renew(txn.mdb);
                if (r != 0)
                        mdb_txn_abort(txn.mdb);
        } else {
                r = mdb_txn_begin(mdb, NULL, MDB_RDONLY, &txn.mdb);
        }
        if (r != 0)
                return lmdb_errno(r);
        txn.reusable = reusable;
        *ret = txn;
        return 0;
}

int txn_commit(Txn *txn)
{
        assert(txn->mdb); /* not ended */
        return lmdb_errno(mdb_txn_commit(TAKE_PTR(txn->mdb)));
}

void txn_end(Txn *txn)
{
        if (txn->mdb && txn->reusable) {
                mdb_txn_reset(txn->mdb);
                *txn->reusable = TAKE_PTR(txn->mdb);
        }
        if (txn->mdb)
                mdb_txn_abort(TAKE_PTR(txn->mdb));
        if (txn->lock)
                pthread_mutex_unlock(TAKE_PTR(txn->lock));
}

int txn_get(Txn *txn, Database database, MDB_val key, MDB_val *ret)
{
        MDB_val value;
        int r;

        assert(txn->mdb);
        r = mdb_get(txn->mdb, txn->schema->dbi[database], &key, &value);
        if (txn->accesses)
                access_set_read(txn->accesses, database, &key, r == 0 ? &value : NULL);
        if (r != 0)
                return lmdb_errno(r);
        *ret = value;
        return 0;
}

int txn_put(Txn *txn, Database database, MDB_val key, MDB_val value)
{
        assert(txn->mdb);
        access_set_put(txn->accesses, database, &key, &value);
        return lmdb_errno(mdb_put(txn->mdb, txn->schema->dbi[database], &key, &value, 0));
}

int txn_get_record(Txn *txn, Database database, MDB_val key, const RecordType *type, void *object)
{
        MDB_val value = {};
        int r;

        r = txn_get(txn, database, key, &value);
        return r < 0 ? r : record_decode(type, value.mv_data, value.mv_size, object);
}

int txn_put_record(Txn *txn, Database database, MDB_val key, const RecordType *type,
                   const void *object)
{
        _cleanup_(record_clear) Record record = {};
        int r;

        r = record_encode(type, object, &record);
        if (r < 0)
                return r;
        return txn_put(txn, database, key,
                       (MDB_val){.mv_data = record.bytes, .mv_size = record.len});
}

int txn_delete(Txn *txn, Database database, MDB_val key, const MDB_val *value)
{
        MDB_val one = value ? *value : (MDB_val){};
        int r;

        r = mdb_del(txn->mdb, txn->schema->dbi[database], &key, value ? &one : NULL);
        if (r == 0)
                access_set_remove(txn->accesses, database, &key);
        return lmdb_errno(r);
}

int txn_clear(Txn *txn, Database database)
{
        return lmdb_errno(mdb_drop(txn->mdb, txn->schema->dbi[database], 0));
}

void txn_note_read(Txn *txn, Database database, MDB_val key)
{
        if (txn->accesses)
                access_set_read(txn->accesses, database, &key, NULL);
}

int txn_count(Txn *txn, Database database, uint64_t *ret)
{
        MDB_stat stat;
        int r;

        r = mdb_stat(txn->mdb, txn->schema->dbi[database], &stat);
        if (r != 0)
                return lmdb_errno(r);
        *ret = stat.ms_entries;
        return 0;
}

int txn_get_end(Txn *txn, Database database, MDB_cursor_op op, MDB_val *ret_key, MDB_val *ret)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        int r;

        r = txn_cursor(txn, database, &cursor);
        return r < 0 ? r : cursor_get(cursor, op, ret_key, ret);
}

int txn_cursor(Txn *txn, Database database, MDB_cursor **ret)
{
        return lmdb_errno(mdb_cursor_open(txn->mdb, txn->schema->dbi[database], ret));
}

int cursor_get(MDB_cursor *cursor, MDB_cursor_op op, MDB_val *key, MDB_val *value)
{
        return lmdb_errno(mdb_cursor_get(cursor, key, value, op));
}

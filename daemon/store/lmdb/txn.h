/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lmdb.h>
#include <pthread.h>

#include "daemon/store/lmdb/access-set.h"
#include "daemon/store/lmdb/codec.h"
#include "daemon/store/lmdb/key.h"
#include "daemon/store/lmdb/schema.h"
#include "daemon/store/lmdb/store-clock.h"
#include "daemon/store/lmdb/tenancy-cache.h"

/*
 * A transaction: the boundary to LMDB. Functions return 0 or a negative errno; LMDB's codes map to
 *
 *        -ENOENT            not found
 *        -EXFULL            the map is full and must grow
 *        -ENOTRECOVERABLE   the environment must be reopened
 *        -EMEDIUMTYPE       the file is corrupt or not a store
 *
 * Results are lent until the next write or the end of the transaction.
 */
typedef struct Txn {
        MDB_txn *mdb;
        const Schema *schema;
        StoreClock *clock;       /* NULL before the store is validated */
        TenancyCache *tenancies; /* NULL: none */
        MDB_txn **reusable;      /* gets `mdb` from txn_end(), to be renewed; NULL: none */
        pthread_mutex_t *lock;   /* unlocked by txn_end(); NULL: none */
        AccessSet *accesses;     /* noted by the functions below; NULL: none */
} Txn;

/* Maps LMDB's return code. Logs the origin of a failure like log_errno_origin(). */
#define lmdb_errno(rc) lmdb_errno_at((rc), __FILE__, __LINE__, __func__)
int lmdb_errno_at(int rc, const char *file, int line, const char *func);

/* Maps a result for callers of the store: 0, an Error and -ENOMEM pass through, any other errno
 * becomes STORE_FULL or STORE_FAILED. */
int store_error_from_errno(int r);

/* `flags`: MDB_RDONLY or 0. */
int txn_begin(MDB_env *mdb, const Schema *schema, unsigned flags, Txn *ret);
/* Begins a read with the transaction in *reusable, or a new one if it is NULL. */
int txn_renew(MDB_env *mdb, const Schema *schema, MDB_txn **reusable, Txn *ret);
/* Ends the transaction, also on failure. */
int txn_commit(Txn *txn);
/* Aborts an open transaction. For _cleanup_. */
void txn_end(Txn *txn);

static inline MDB_val key_val(const StoreKey *key)
{
        return (MDB_val){.mv_data = (void *) key->bytes, .mv_size = key->len};
}

static inline MDB_val string_val(const char *s)
{
        return (MDB_val){.mv_data = (void *) s, .mv_size = strlen(s)};
}

int txn_get(Txn *txn, Database database, MDB_val key, MDB_val *ret);
int txn_put(Txn *txn, Database database, MDB_val key, MDB_val value);
/* See record_decode() and record_encode(). */
int txn_get_record(Txn *txn, Database database, MDB_val key, const RecordType *type, void *object);
int txn_put_record(Txn *txn, Database database, MDB_val key, const RecordType *type,
                   const void *object);
/* Deletes one of the key's values, or all if `value` is NULL. */
int txn_delete(Txn *txn, Database database, MDB_val key, const MDB_val *value);
/* Deletes all keys. */
int txn_clear(Txn *txn, Database database);
int txn_count(Txn *txn, Database database, uint64_t *ret);
/* Gets the first or last value: `op` is MDB_FIRST or MDB_LAST. */
int txn_get_end(Txn *txn, Database database, MDB_cursor_op op, MDB_val *ret_key, MDB_val *ret);

/* Notes a read by a cursor, of all values of the key. */
void txn_note_read(Txn *txn, Database database, MDB_val key);

/* A cursor must be closed before its transaction ends. */
int txn_cursor(Txn *txn, Database database, MDB_cursor **ret);
DEFINE_CLEANUP(MDB_cursor *, mdb_cursor_close);
int cursor_get(MDB_cursor *cursor, MDB_cursor_op op, MDB_val *key, MDB_val *value);

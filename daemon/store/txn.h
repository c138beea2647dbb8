/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lmdb.h>
#include <pthread.h>

#include "daemon/store/key.h"
#include "daemon/store/schema.h"
#include "daemon/store/store-clock.h"

/*
 * A transaction. This is the boundary to LMDB: everything here returns 0 or a negative errno, and
 * those that LMDB has words of its own for are
 *
 *        -ENOENT            there is none
 *        -EXFULL            the map has to grow
 *        -ENOTRECOVERABLE   the environment has to be opened anew
 *        -EMEDIUMTYPE       the file is damaged, or was never a store
 *
 * What is read is lent until the next write of the transaction, or its end.
 */
typedef struct Txn {
        MDB_txn *mdb;
        const Schema *schema;
        StoreClock *clock;     /* NULL before the store is known to be ours */
        pthread_mutex_t *lock; /* unlocked at the end; NULL: none */
} Txn;

/* A negative errno for what LMDB returns, and 0 for 0. */
int lmdb_errno(int rc);

/* What a caller of the store is told: 0, an Error and -ENOMEM are that themselves, and any other
 * errno is STORE_FULL or STORE_FAILED. */
int store_error_from_errno(int r);

int txn_begin_read(MDB_env *mdb, const Schema *schema, Txn *ret);
int txn_begin_write(MDB_env *mdb, const Schema *schema, Txn *ret);
/* Ended afterwards, whatever it returns. */
int txn_commit(Txn *txn);
/* Aborts it, if it has not ended. For _cleanup_. */
void txn_end(Txn *txn);

static inline MDB_val key_val(const StoreKey *key)
{
        return (MDB_val){.mv_data = (void *) key->bytes, .mv_size = key->len};
}

int txn_get(Txn *txn, Database database, MDB_val key, MDB_val *ret);
int txn_put(Txn *txn, Database database, MDB_val key, MDB_val value);
/* Of several values of a key only this one, or all if `value` is NULL. */
int txn_delete(Txn *txn, Database database, MDB_val key, const MDB_val *value);
int txn_count(Txn *txn, Database database, uint64_t *ret);

/* A cursor ends before its transaction. */
int txn_cursor(Txn *txn, Database database, MDB_cursor **ret);
DEFINE_CLEANUP(MDB_cursor *, mdb_cursor_close);
int cursor_get(MDB_cursor *cursor, MDB_cursor_op op, MDB_val *key, MDB_val *value);

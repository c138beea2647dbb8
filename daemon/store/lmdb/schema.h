/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lmdb.h>

#include "base/macro.h"

/*
 * The databases of the file and their version.
 *
 *        meta        "schema" -> SCHEMA_VERSION, 4 bytes big-endian; times, see meta-table.h
 *        tenancies   tenancy id -> number and link count
 *        links       link key -> link
 *        users       user 3 key -> authenticators (DUPSORT), of links added before schema 4
 *        user-links  user key -> authenticators (DUPSORT), of later links
 *        answers     idempotency key digest -> idempotency record
 *        expiries    expiry key -> nothing: idempotency records by expiry time
 *        intents     intent key -> open exchange
 *        deletes     intent key -> open delete in the vault
 *        decisions   intent key -> tombstone
 *        outbox      intent key -> change that the shared log does not have yet
 *
 * Keys are in key.h, values in record.h. Intents, deletes, tombstones and links share one ascending
 * sequence of ids: a link has a lower id than a delete that names it, so a later link of its
 * authenticator never gets the same id.
 */
#define SCHEMA_VERSION 5U

typedef enum Database {
        DATABASE_META,
        DATABASE_TENANCIES,
        DATABASE_LINKS,
        DATABASE_USERS_3,
        DATABASE_USERS,
        DATABASE_IDEMPOTENCY,
        DATABASE_EXPIRIES,
        DATABASE_INTENTS,
        DATABASE_DELETES,
        DATABASE_TOMBSTONES,
        DATABASE_OUTBOX,
        DATABASE_MAX,
} Database;

typedef struct Schema {
        MDB_dbi dbi[DATABASE_MAX];
} Schema;

/* Opens existing databases; read-only. Logs a failure at `level`: -EMEDIUMTYPE for a foreign file,
 * or another negative errno. */
int schema_load(MDB_env *mdb, const char *directory, int level, Schema *ret);

/* Gets the schema version, 0 without one. Returns 0 or a negative errno. */
int schema_read_version(MDB_env *mdb, uint32_t *ret);

/* Upgrades an earlier version, or creates the databases in a new environment (0), in one
 * transaction. Records of versions 2 and 3 are read as they are. Returns 0 or a negative errno. */
int schema_upgrade(MDB_env *mdb, uint32_t version);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lmdb.h>

#include "base/macro.h"

/*
 * The databases in the file, and the version of their encoding.
 *
 *        meta        "schema" -> SCHEMA_VERSION, 4 bytes big-endian
 *        tenancies   tenancy id -> its number and how many links it has
 *        links       link key -> link
 *        users       user key -> the authenticators of the user's link keys (several)
 *        answers     digest -> answer
 *        expiries    expiry key -> nothing: the answers in the order in which they expire
 *        intents     intent key -> exchange that was begun
 *        deletes     intent key -> delete in the vault that was begun
 *        decisions   intent key -> authenticator that was not to be linked any more
 *
 * Keys are in key.h, values in record.h and record-intent.h. Intents, deletes and decisions share
 * one ascending row of ids.
 */
#define SCHEMA_VERSION 2U

typedef enum Database {
        DATABASE_META,
        DATABASE_TENANCIES,
        DATABASE_LINKS,
        DATABASE_USERS,
        DATABASE_IDEMPOTENCY,
        DATABASE_EXPIRIES,
        DATABASE_INTENTS,
        DATABASE_DELETES,
        DATABASE_TOMBSTONES,
        DATABASE_MAX,
} Database;

typedef struct Schema {
        MDB_dbi dbi[DATABASE_MAX];
} Schema;

/* Makes the databases in a new environment. Returns 0 or a negative errno. */
int schema_create(MDB_env *mdb);

/* Finds them in an old one, and writes nothing. Logs why it fails: with -EMEDIUMTYPE if the file
 * has others, or with another negative errno. `directory` and `level` are for the log. */
int schema_load(MDB_env *mdb, const char *directory, int level, Schema *ret);

/* The version in a file: 0 if it has none. Returns 0 or a negative errno. */
int schema_read_version(MDB_env *mdb, uint32_t *ret);

/* Turns a file of version 1 into one of this version, all or nothing. Returns 0 or a negative
 * errno. */
int schema_upgrade(MDB_env *mdb);

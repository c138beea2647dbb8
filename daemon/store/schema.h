/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lmdb.h>

#include "base/macro.h"

/*
 * What is in the file, and in which version of it.
 *
 *        meta        "schema" -> SCHEMA_VERSION, 4 bytes big-endian
 *        tenancies   tenancy id -> its number and how many links it has
 *        links       link key -> link
 *        users       user key -> the authenticators of the user's link keys (several)
 *        answers     digest -> answer
 *        expiries    expiry key -> nothing: the answers in the order in which they expire
 *
 * Keys are in key.h, values in record.h.
 */
#define SCHEMA_VERSION 1U

typedef enum Database {
        DATABASE_META,
        DATABASE_TENANCIES,
        DATABASE_LINKS,
        DATABASE_USERS,
        DATABASE_ANSWERS,
        DATABASE_EXPIRIES,
        DATABASE_MAX,
} Database;

typedef struct Schema {
        MDB_dbi dbi[DATABASE_MAX];
} Schema;

/* Makes the databases in a new environment. Returns 0 or a negative errno. */
int schema_create(MDB_env *mdb);

/* Finds them in an old one, and writes nothing. Logs why it fails: with -EMEDIUMTYPE if they are
 * not what is there, or with another negative errno. `directory` is for the log. */
int schema_load(MDB_env *mdb, const char *directory, Schema *ret);

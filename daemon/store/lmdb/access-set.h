/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lmdb.h>

#include "daemon/store/lmdb/schema.h"

/*
 * The keys that a transaction has read and written, so that a shared store can make the same change
 * under the condition that these keys are as they were. Noted are accesses to links,
 * idempotency records, intents and tombstones, and reads of the user index; the other databases
 * follow from these.
 */
typedef struct Access {
        Database database;
        uint8_t *key;
        size_t key_len;
        uint8_t *old; /* the value at the first access; NULL: none, or not known */
        size_t old_len;
        bool existed;
        bool written;   /* else only read */
        uint8_t *value; /* NULL: removed */
        size_t value_len;
} Access;

/* Zero-initialised it is empty. */
typedef struct AccessSet {
        Access *entries; /* in the order of the first access; each key is in it once */
        size_t n_entries;
        int error; /* -ENOMEM: the set is incomplete */
} AccessSet;

void access_set_clear(AccessSet *set);

/* NULL value: there is none. A set of NULL is fine. */
void access_set_read(AccessSet *set, Database database, const MDB_val *key, const MDB_val *value);
void access_set_put(AccessSet *set, Database database, const MDB_val *key, const MDB_val *value);
/* A value was removed. */
void access_set_remove(AccessSet *set, Database database, const MDB_val *key);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lmdb.h>

#include "daemon/model/intent.h"
#include "daemon/store/lmdb/schema.h"
#include "tests/fuzz/fuzz.h"

/*
 * Shared by the targets of the store: a store with arbitrary records. The first byte of an input
 * selects a change. Records follow: the number of the database, the length of the key (1 byte), the
 * length of the value (2 bytes, big-endian), key, value.
 */

#define TENANCY "t"
#define USER    "ada"

extern const uint8_t store_input_digest[IDEMPOTENCY_KEY_LEN];

/* Creates an empty store in a directory that is removed at exit. */
void store_input_make(char ret_path[static 64]);

/* Opens the file of a store, without durability. */
MDB_env *store_input_open(const char *path);

/* Puts the records of an input, which begin after its first byte. */
void store_input_put(MDB_txn *txn, const Schema *schema, const uint8_t *data, size_t size);

/* Check what was read, and clear it. */
void store_input_check_links(LinkList *list, size_t n_max);
void store_input_check_exchanges(ExchangeIntentList *list);
void store_input_check_deletes(DeleteIntentList *list);

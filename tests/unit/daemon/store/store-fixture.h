/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lmdb.h>

#include "daemon/store/store.h"
#include "tests/unit/test.h"

/* A store in its own directory, with blocking wrappers. */
typedef struct Fixture {
        char directory[64];
        Store *store;
} Fixture;

/* The result of a change. */
typedef struct Outcome {
        unsigned n_calls;
        int r;
        bool newly_linked;
        size_t n_removed;
        char *first_removed; /* its user, then a blank, then its authenticator */
        uint64_t id;         /* of an intent */
} Outcome;

/* For cmocka: opens a store in a new directory under /tmp, and removes both. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Closes it, audits it, and opens it again. */
void fixture_reopen(Fixture *f);

/* Closes the store, and opens a database of it in a transaction. `flags`: 0 or MDB_RDONLY. */
MDB_dbi fixture_open_database(Fixture *f, const char *database, unsigned flags, MDB_env **ret_env,
                              MDB_txn **ret_txn);
/* How many records a database has; the store is closed meanwhile. */
size_t fixture_count(Fixture *f, const char *database);

/* Dispatches all completed changes. */
void dispatch_all(Store *store);
/* Dispatches until that many callbacks have run. */
void outcome_wait(Store *store, const Outcome *outcome, unsigned n_calls);
void outcome_clear(Outcome *outcome);
void on_added(int r, bool newly_linked, void *userdata);
void on_removed(int r, const LinkList *removed, void *userdata);
void on_begun(int r, uint64_t id, void *userdata);

/* Blocking wrappers: return the callback's r and store its other arguments, where not NULL. */
int add(Store *store, const char *tenancy, const char *user, const char *authenticator,
        bool *ret_newly_linked);
int remove_one(Store *store, const char *tenancy, const char *authenticator);
int remove_user(Store *store, const char *tenancy, const char *user, size_t *ret_n_removed);
int exchange(Store *store, const char *tenancy, const ExchangeOutcome *outcome,
             bool *ret_newly_linked);
/* Begins an exchange with a link, for that user (NULL: any). Returns the id of the intent. */
uint64_t begin_exchange(Store *store, const char *tenancy, const char *user, const uint8_t *key);

/* Starts the change, without waiting. */
void add_later(Store *store, const char *tenancy, const char *user, const char *authenticator,
               Outcome *outcome);

/* The user that an authenticator is linked to, "" if it is not: static. */
const char *user_of(Store *store, const char *tenancy, const char *authenticator);
uint64_t count(Store *store, const char *tenancy);
size_t count_of_user(Store *store, const char *tenancy, const char *user);

Link *make_link(const char *authenticator, const char *user, uint64_t created_at_ms);
Principal *make_principal(void);
/* A valid id of `len` bytes, different for each seed. */
char *make_id(size_t len, unsigned seed);

/* The bytes of a file in a directory; malloc'ed. */
void *read_file(const char *directory, const char *name, size_t *ret_len);
void write_file(const char *directory, const char *name, const void *bytes, size_t len);
void remove_tree(const char *directory);

/*
 * Checks all databases of a closed store with LMDB itself: links and user index agree, the link
 * counts are correct, idempotency records and expiries agree, and every record can be read. Returns
 * the number of links.
 */
size_t audit(const char *directory);

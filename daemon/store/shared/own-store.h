/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/environment/environment.h"

/*
 * The store of a host that leaves the shared one: a copy of its replica.
 *
 * It has all links, those of the outbox included; all tombstones; and the open deletes of all
 * hosts, because it has their links as well, and recovery only looks passkeys up. It has the open
 * exchanges of this host only; of these, without the log, only those that the log does not know:
 * another host takes the rest over. It has no idempotency records: a host by itself has other keys
 * for them.
 */
typedef struct OwnStoreOptions {
        unsigned host; /* the number of this host */
        bool is_away;  /* the log cannot be reached */
} OwnStoreOptions;

typedef struct OwnStoreCounts {
        uint64_t links;
        uint64_t exchanges; /* of the own store */
        uint64_t deletes;
        uint64_t left;     /* exchanges that the other hosts finish */
        uint64_t unshared; /* links that the log does not have */
} OwnStoreCounts;

/* Counts the records of a replica. Return 0 or a negative errno. */
int own_store_count(Txn *txn, const OwnStoreOptions *options, OwnStoreCounts *ret);
/* Turns a copy of a replica into an own store, in one transaction. `now_ms` is the time of the
 * replica's clock. */
int own_store_make(Environment *copy, const OwnStoreOptions *options, uint64_t now_ms);

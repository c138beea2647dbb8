/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/recovery.h"
#include "daemon/store/lmdb/record.h"
#include "daemon/store/lmdb/txn.h"

/*
 * Tombstones: authenticators that crash recovery must not link, because their link was removed or
 * an exchange of their passkey ended without a link, and users whose links were all removed. The
 * table keeps the latest TOMBSTONES_MAX, and up to DECISIONS_OPEN_MAX that an open exchange may
 * need: the exchanges of a tenancy that has left the configuration stay open.
 */
#define TOMBSTONES_MAX     65536U
#define DECISIONS_OPEN_MAX (2U * TOMBSTONES_MAX)

typedef enum TombstoneSubject {
        TOMBSTONE_AUTHENTICATOR,
        TOMBSTONE_USER,
} TombstoneSubject;

/* Returns 0 or a negative errno. */
int tombstone_table_add(Txn *txn, uint32_t tenancy, TombstoneSubject subject, const char *id);
/* For a subject that has no link (yet): adds a tombstone only if an exchange is open. */
int tombstone_table_add_if_open(Txn *txn, const char *tenancy_id, TombstoneSubject subject,
                                const char *id);

/* Stores a tombstone as it is on another host, but for the number of the tenancy, and for its time:
 * the clocks of other hosts are other ones. Returns 0 or a negative errno. */
int tombstone_table_set(Txn *txn, const char *tenancy_id, uint64_t id,
                        const TombstoneRecord *record);

/*
 * Sets the latest tombstone of each candidate. *ret_complete is false if tombstones that may
 * concern a candidate have been dropped. Returns 0 or a negative errno.
 */
int tombstone_table_apply(Txn *txn, uint32_t tenancy, Recovery *recovery, bool *ret_complete);

/* Authenticators that have tombstones. */
typedef struct TombstoneSet {
        uint8_t (*digests)[SUBJECT_DIGEST_LEN]; /* sorted */
        size_t n_digests;
} TombstoneSet;

/* Collects the tombstones of a tenancy. Returns 0 or a negative errno. */
int tombstone_table_collect(Txn *txn, const char *tenancy_id, TombstoneSet *ret);
bool tombstone_set_has(const TombstoneSet *set, const char *authenticator_id);
void tombstone_set_clear(TombstoneSet *set);

/* Time of the latest tombstone, 0 if there is none. */
int tombstone_table_latest(Txn *txn, uint64_t *ret_tombstoned_at_ms);

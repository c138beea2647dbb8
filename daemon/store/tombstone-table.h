/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/recovery.h"
#include "daemon/store/record-intent.h"
#include "daemon/store/txn.h"

/*
 * Tombstones keep crash recovery from restoring a link: the link was removed, or an exchange of the
 * passkey ended without one. Kept are the latest TOMBSTONES_MAX, and all that an open exchange may
 * need.
 */
#define TOMBSTONES_MAX 65536U

/* Returns 0 or a negative errno. */
int tombstone_table_add(Txn *txn, uint32_t tenancy, const char *authenticator_id);

/* Sets each candidate's latest tombstone. *ret_complete is false if dropped tombstones may have
 * concerned a candidate. Returns 0 or a negative errno. */
int tombstone_table_apply(Txn *txn, uint32_t tenancy, Recovery *recovery, bool *ret_complete);

/* Gets the time of the latest tombstone, 0 for an empty table. */
int tombstone_table_latest(Txn *txn, uint64_t *ret_tombstoned_at_ms);

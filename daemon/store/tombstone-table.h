/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/recovery.h"
#include "daemon/store/record-intent.h"
#include "daemon/store/txn.h"

/*
 * Authenticators that are not to be linked by crash recovery: their link was removed, or an
 * exchange of their passkey ended without one; and users all of whose links were. The latest
 * TOMBSTONES_MAX are kept, and all that an exchange may need that is still open, up to
 * DECISIONS_OPEN_MAX: the exchanges of a tenancy that is not configured any more stay open.
 */
#define TOMBSTONES_MAX     65536U
#define DECISIONS_OPEN_MAX (2U * TOMBSTONES_MAX)

/* Returns 0 or a negative errno. */
int tombstone_table_add(Txn *txn, uint32_t tenancy, const char *authenticator_id);
/* For a removal of what is not linked (yet): only if an exchange is open. */
int tombstone_table_add_unlinked(Txn *txn, const char *tenancy_id, const char *authenticator_id);
int tombstone_table_add_user(Txn *txn, const char *tenancy_id, const char *user_id);

/*
 * Fills in the latest decision about each candidate. If decisions have been dropped that may have
 * been about one of them, *ret_complete is false. Returns 0 or a negative errno.
 */
int tombstone_table_apply(Txn *txn, uint32_t tenancy, Recovery *recovery, bool *ret_complete);

/* When the latest was made, 0 if there is none. */
int tombstone_table_latest(Txn *txn, uint64_t *ret_tombstoned_at_ms);

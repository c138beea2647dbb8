/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/store-status.h"
#include "daemon/store/engines/engine.h"

/*
 * A host leaves the shared store: its replica becomes its own store.
 *
 *   1. Changes fail from now on. Those in flight are completed, and the outbox is pushed.
 *   2. The replica, which is not written meanwhile, is copied beside, into `leaving`, and turned
 *      into an own store (own-store.h).
 *   3. The open exchanges of this host are removed from the log: another host must not recover them
 *      as well.
 *   4. The mark is made, and the copy replaces the own store, which is kept under another name.
 *   5. The log forgets this host.
 *
 * A failure up to step 4 undoes all but step 3: the exchanges whose process goes on end without
 * their intents. A crash does the same: the next start removes a copy that is left, and the mark
 * beside it. The rename of the copy is what decides: a mark without a copy means that this host has
 * left, and changes fail until it is started with its own store.
 *
 * If the log cannot be reached in step 1, the host leaves with the links that it knows, and without
 * steps 3 and 5. Another host takes over the exchanges that the log has.
 */
typedef struct Leave Leave;

typedef struct LeaveOptions {
        const char *state_directory;      /* gets the store */
        const char *mark;                 /* a file that exists when this host has left */
        const struct AuditOrigin *origin; /* of the record; NULL: none */
} LeaveOptions;

/* r is 0, a negative errno, STORE_FULL or STORE_FAILED; the result is lent. */
typedef void (*LeaveFunc)(int r, const StoreLeave *result, void *userdata);

/* The engine must be a shared one; it owns the Leave. STORE_FAILED while the replica is not loaded,
 * or a leave is in progress; NOT_CONFIGURED if this host has left. Returns 0, one of these, or a
 * negative errno. */
int leave_start(Engine *engine, const LeaveOptions *options, LeaveFunc func, void *userdata,
                Leave **ret);
/* The function will not run; the leave goes on. NULL is fine. Returns NULL. */
Leave *leave_forget(Leave *leave);
/* For the engine, after its worker. Returns NULL. */
Leave *leave_free(Leave *leave);

/* Undoes a leave that a crash cut off before the rename. Returns 0 or a negative errno. */
int leave_clean(const char *state_directory, const char *mark);
/* Removes the files of the replica of a host that has left. Returns 0 or a negative errno. */
int leave_remove_replica(const char *directory);

/* Counts what a leave would have as its result. Returns as leave_start(). */
int leave_preview(Engine *engine, StoreLeave *ret);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/store-status.h"
#include "daemon/store/shared/replica.h"
#include "daemon/store/shared/shared-log.h"
#include "daemon/store/store.h"

/* A store that several hosts share, see engines/engine-shared.h. */
typedef struct StoreSharedOptions {
        SharedLog *log;    /* owned by the store, unless the environment cannot be opened */
        bool may_be_alone; /* exchanges go on while the log cannot be reached, and are shared later
                            */
        bool has_left;     /* this host has left: changes fail with STORE_FAILED */
        /* Links that other hosts have added or removed, lent. May be NULL. */
        void (*changed)(const ReplicaNews *news, void *userdata);
        void (*loaded)(void *userdata); /* links can be read now, or anew; may be NULL */
        /* The log was restored from a backup, and what it had lost was pushed back. May be NULL. */
        void (*restored)(const RestoreCounts *counts, void *userdata);
        /* A host has been away for a while: its intents may be taken over. May be NULL. */
        void (*away)(unsigned host, void *userdata);
        void *userdata;
} StoreSharedOptions;

/* Opens the replica in the directory, or creates it. Reads and changes fail with STORE_FAILED until
 * it has been loaded. Results and log records are those of store_open_later(). */
int store_open_shared(const char *directory, const StoreSharedOptions *options, Store **ret);

/* How many changes the other hosts do not have yet. */
uint64_t store_outbox(Store *store);
/* The store must be one of store_open_shared(). For later changes; see StoreSharedOptions. */
void store_shared_set_may_be_alone(Store *store, bool may_be_alone);
/* Likewise. */
void store_shared_get_status(Store *store, ReplicaStatus *ret);

/* Makes the replica the store of this host alone, see engines/leave.h. The store must be one of
 * store_open_shared(). */
typedef struct Leave StoreLeaving;
typedef void (*StoreLeaveFunc)(int r, const StoreLeave *result, void *userdata);
/* Returns 0, NOT_CONFIGURED if this host has left, STORE_FAILED or a negative errno. The function
 * runs once, from store_dispatch() or a callback of the log, with 0, STORE_FULL, STORE_FAILED or a
 * negative errno. */
struct AuditOrigin; /* daemon/audit/audit.h */
int store_shared_leave(Store *store, const char *state_directory, const char *mark,
                       const struct AuditOrigin *origin, StoreLeaveFunc func, void *userdata,
                       StoreLeaving **ret);
/* The function will not run; the leave goes on. NULL is fine. Returns NULL. */
StoreLeaving *store_shared_leave_forget(StoreLeaving *leaving);
/* Only counts. Returns as store_shared_leave(). */
int store_shared_preview_leave(Store *store, StoreLeave *ret);
/* Undoes a leave that a crash cut off before the host had left: removes the copy, and the mark.
 * After it, the mark tells whether this host has left. Returns 0 or a negative errno. */
int store_clean_leave(const char *state_directory, const char *mark);
/* Removes the files of a replica that is not open. Returns 0 or a negative errno. */
int store_remove_replica(const char *directory);

/* Compares a link of the shared log, or the absence of one, with the replica. Returns 0, a negative
 * errno or STORE_FAILED. */
int store_shared_compare(Store *store, const LogEvent *event, ReplicaDifference *ret);
/* All keys of links begin with this. */
#define STORE_SHARED_LINKS "links/"
/* The key of a link, which the caller frees; NULL if out of memory. */
char *store_shared_key(const char *tenancy_id, const char *authenticator_id);

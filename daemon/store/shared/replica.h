/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/link.h"
#include "daemon/store/lmdb/txn.h"
#include "daemon/store/shared/shared-log.h"

/* The replica of a shared store: its tables in LMDB, and the revision that they are at. */

/* Links that an event has added or removed, for those who watch. */
typedef struct ReplicaNews {
        char *tenancy_id;
        LinkList added;
        LinkList removed;
} ReplicaNews;

void replica_news_clear(ReplicaNews *news);

/* The state of a replica. */
typedef struct ReplicaStatus {
        uint64_t revision;      /* 0: nothing was loaded yet */
        bool is_loading;        /* a snapshot */
        bool has_left;          /* this host has left the shared store, or is leaving */
        uint64_t late_at_ms;    /* when the oldest event arrived that is not applied yet, in
                                   CLOCK_MONOTONIC ms; 0: all are */
        uint64_t offset;        /* added to the revisions of the log, see restore-record.h */
        bool is_restoring;      /* the log lost changes, which are being pushed back */
        size_t n_waiting;       /* changes that have not ended */
        uint64_t n_outbox;      /* changes that the log does not have yet */
        uint64_t n_unconfirmed; /* misses that the log has not confirmed */
} ReplicaStatus;

/* How a restore of the log from a backup was mended. */
typedef struct RestoreCounts {
        size_t n_added;       /* links that were pushed back */
        size_t n_removed;     /* links whose removal was repeated */
        size_t n_conflicting; /* lost links whose authenticators are other users' now */
        size_t n_exceeding;   /* lost links of users who have too many */
        size_t n_unexplained; /* links of the backup that the replica lacks without a known removal
                               */
} RestoreCounts;

/* The key LOG_LATEST_KEY, with the offset; zeros: there is none. */
typedef struct LatestCommit {
        uint64_t created_at, changed_at;
} LatestCommit;

/* The state of the log that a replica is a copy of. */
typedef struct ReplicaPosition {
        uint64_t revision;   /* with the offset; 0: nothing was loaded yet */
        uint64_t offset;     /* see restore-record.h */
        uint64_t cluster;    /* id of the log; 0: unknown */
        LatestCommit latest; /* kept by replica_apply() */
} ReplicaPosition;

/* Return 0 or a negative errno. */
int replica_get_position(Txn *txn, ReplicaPosition *ret);
int replica_put_position(Txn *txn, const ReplicaPosition *position);
int replica_put_revision(Txn *txn, uint64_t revision);
int replica_forget_revision(Txn *txn);

/*
 * Applies an event of a revision. The log is not trusted: an event that is not valid is logged and
 * skipped. `ret` is empty if no link was added or removed. Returns 0 or a negative errno, after
 * which the transaction must be aborted.
 */
int replica_apply(Txn *txn, uint64_t revision, const LogEvent *event, ReplicaNews *ret);

typedef enum ReplicaDifference {
        REPLICA_SAME,
        REPLICA_MISSING,   /* the replica does not have the link */
        REPLICA_EXTRA,     /* the log does not have it */
        REPLICA_DIFFERENT, /* their data differ, or those of the log are not valid */
} ReplicaDifference;

/* Compares a link of the log, or the absence of one, with the replica; `offset` is that of the
 * log. Returns 0 or a negative errno. */
int replica_compare_link(Txn *txn, const LogEvent *event, uint64_t offset, ReplicaDifference *ret);
/* The key of a link, which the caller frees; NULL if out of memory. */
char *replica_link_key(const char *tenancy_id, const char *authenticator_id);

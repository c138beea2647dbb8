/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Only for the files of the shared engine. */

#include "daemon/store/engines/engine-shared.h"
#include "daemon/store/engines/replica-jobs.h"
#include "daemon/store/engines/restore-jobs.h"
#include "daemon/store/engines/worker.h"
#include "daemon/store/shared/plan.h"

/* Whether the log still has the history of the replica, see engine-history.c. */
typedef struct EngineHistory {
        bool wants_check, is_checking;
        bool is_checked; /* changes can be applied and made */
        bool has_failed; /* the last check */
        bool waits;      /* after a failure, until the log tells that it can be reached */
        bool needs_load; /* after the check */
        RestoreRecord record;
        LatestCommit latest; /* of the log, without the offset, like the revision: */
        uint64_t read_at;
        bool wants_write; /* of this record: */
        RestoreRecord new_record;
        LogBatch batch; /* of the write in flight */
} EngineHistory;

/* The log was restored from a backup, see engine-restore.c. */
typedef struct EngineRestore {
        bool is_active;          /* from the detection, until the replica has the new history */
        ReplicaPosition replica; /* of the replica, which answers look-ups meanwhile */
        bool pushes_back;        /* the replica may have links that no other host has */
        bool is_pushing;         /* the snapshot is complete, and followed */
        bool is_ending;          /* the snapshot is replacing the replica */
        bool is_busy;            /* a job or a change is in flight */
        bool is_published;       /* all was pushed back once, and others are told */
        unsigned n_conflicts;    /* in a row, with changes of other hosts */
        SalvageCursor cursor;    /* of the next page */
        SalvageCursor next;      /* after the page in flight */
        ChangeQueue queue;       /* of changes to be planned, instead of `waiting` */
        RestoreCounts page;      /* of the page in flight */
        RestoreCounts counts;
} EngineRestore;

typedef struct EngineShared {
        Engine engine;
        EngineSharedOptions options;
        SharedLog *log;
        Worker *worker;

        ChangeQueue waiting; /* to be planned */
        ChangeQueue planned; /* one for each item of the batch in flight */
        bool *done;          /* of these, which were made; NULL: not known yet */
        ChangeQueue ended;
        LogBatch batch;
        OutboxBatch pushed; /* instead of `batch`, if it has changes */
        bool is_settling;
        uint64_t n_outbox;
        bool outbox_waits;     /* for the log to change */
        uint64_t batch_offset; /* of the batch in flight */
        uint64_t committed;    /* the revision of the batch; 0: it is not committed yet */
        uint64_t first_id;     /* the first id given by this process; 0: none yet */
        uint64_t last_id;      /* the last one */
        bool planning;

        ConfirmationList confirmations;

        uint64_t revision; /* of the replica, or of the snapshot that is pushed to; 0: not loaded */
        uint64_t offset;   /* of the log, see restore-record.h */
        bool is_following;
        EngineHistory history;
        EngineRestore restore;
        UpdateQueue arrived;
        unsigned n_arrived; /* since a revision was applied */
        bool applying;
        int apply_error;         /* of the last attempt to write to the replica, or 0 */
        uint64_t applying_at_ms; /* when it began, in CLOCK_MONOTONIC */
        uint64_t late_at_ms;     /* see ReplicaStatus */
        ReplicaLoad *load;       /* NULL: not loading */
        bool knows_reachable;    /* the log has told `reachable` */
        bool reachable;

        Leave *leave; /* NULL: none */
        EngineSharedMode mode;
        bool load_waits; /* while paused */
} EngineShared;

/* The environment that changes are planned on and applied to, lent. */
Environment *engine_shared_environment(const EngineShared *shared);
/* Whether a batch, or a job that needs the order of changes, is in flight. */
bool engine_shared_has_batch(const EngineShared *shared);
/* Continues with the changes that wait. */
void engine_shared_pump(EngineShared *shared);
void engine_shared_end_change(EngineShared *shared, StoreChange *change);
void engine_shared_fail_all(EngineShared *shared, ChangeQueue *queue, int r);
void engine_shared_forget_batch(EngineShared *shared);
/* Ends the changes of the batch in flight, if the replica has reached its revision or cannot be
 * written. */
void engine_shared_finish_batch(EngineShared *shared);
/* Writes the revisions that have arrived to the replica. */
void engine_shared_apply(EngineShared *shared);
/* Follows the log from the revision of the replica. Returns 0 or a negative errno. */
int engine_shared_follow(EngineShared *shared);
/* Hears only whether the log can be reached. Returns 0 or a negative errno. */
int engine_shared_watch_reachable(EngineShared *shared);

/* Removes from the queue the changes that this host may make alone, and makes them. */
void engine_shared_make_alone(EngineShared *shared, ChangeQueue *queue);
void engine_shared_push_outbox(EngineShared *shared);
/* Gives the batch of the outbox up: its entries are pushed again after a change. */
void engine_shared_keep_outbox(EngineShared *shared);
/* The batch of the outbox was committed. */
void engine_shared_settle_outbox(EngineShared *shared);

/* Whether the events have the record of a restore that this host does not follow yet. */
bool engine_shared_is_other_history(const EngineShared *shared, const LogEvent *events,
                                    size_t n_events);
/* Starts to load, unless that is in progress. Returns 0 or a negative errno. */
int engine_shared_load(EngineShared *shared);

/* Reads whether the log has the history of the replica. Until then, nothing is applied or changed.
 */
void engine_shared_check_history(EngineShared *shared);
/* Continues with what waits for the end of jobs. Returns whether changes have to wait. */
bool engine_shared_go_on_with_history(EngineShared *shared);
/* Reads where a replica is. Returns 0, or a negative errno and zeros. */
int engine_shared_read_position(Environment *environment, ReplicaPosition *ret);
/* Writes a record, when the log can be reached, and checks again. */
void engine_shared_write_history(EngineShared *shared, const RestoreRecord *record);
/* Notes an event of the record by another host. */
void engine_shared_see_history(EngineShared *shared, const LogEvent *events, size_t n_events,
                               bool is_own);

/* The history of the log is another one than that of the replica. Nothing is in flight. */
void engine_shared_restore(EngineShared *shared);
/* Begins to restore, or anew: the log has changed again. */
void engine_shared_reset_restore(EngineShared *shared, const ReplicaPosition *replica);
/* Whether the record lets the restore in progress go on. */
bool engine_shared_can_restore_on(const EngineShared *shared);
/* The snapshot is complete. */
void engine_shared_push_back(EngineShared *shared);
/* Pushes the next links back. */
void engine_shared_go_on_with_restore(EngineShared *shared);
void engine_shared_end_restore(EngineShared *shared);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Only for the files of the shared engine. */

#include "daemon/store/engines/engine-shared.h"
#include "daemon/store/engines/replica-jobs.h"
#include "daemon/store/engines/worker.h"
#include "daemon/store/shared/plan.h"

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
        bool outbox_waits;  /* for the log to change */
        uint64_t committed; /* the revision of the batch; 0: it is not committed yet */
        uint64_t first_id;  /* the first id given by this process; 0: none yet */
        uint64_t last_id;   /* the last one */
        bool planning;

        ConfirmationList confirmations;

        uint64_t revision; /* of the replica; 0: not loaded */
        UpdateQueue arrived;
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

/* Continues with the changes that wait. */
void engine_shared_pump(EngineShared *shared);
bool engine_shared_has_batch(const EngineShared *shared);
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

/* Removes from the queue the changes that this host may make alone, and makes them. */
void engine_shared_make_alone(EngineShared *shared, ChangeQueue *queue);
void engine_shared_push_outbox(EngineShared *shared);
/* Gives the batch of the outbox up: its entries are pushed again after a change. */
void engine_shared_keep_outbox(EngineShared *shared);
/* The batch of the outbox was committed. */
void engine_shared_settle_outbox(EngineShared *shared);

/* Starts to load, unless that is in progress. Returns 0 or a negative errno. */
int engine_shared_load(EngineShared *shared);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/engines/worker.h"
#include "daemon/store/shared/outbox.h"
#include "daemon/store/shared/plan.h"
#include "daemon/store/shared/replica-load.h"
#include "daemon/store/shared/replica.h"

/*
 * Jobs of the worker thread on a replica. A job is made and reported in the caller's thread;
 * its function may take members over, and must not free the job. In between, members belong to the
 * worker thread. The functions return NULL if out of memory.
 */

/* Events of a revision that have to be applied. */
typedef struct Update {
        uint64_t revision;
        LogEvent *events;
        size_t n_events;
        bool is_own; /* its changes are reported to those who made them */
        STAILQ_ENTRY(Update) entry;
} Update;

typedef STAILQ_HEAD(UpdateQueue, Update) UpdateQueue;

/* Copies the events, and adds the offset to all revisions. */
Update *update_new(uint64_t revision, uint64_t offset, const LogEvent *events, size_t n_events);
void update_free(Update *update);
void update_queue_clear(UpdateQueue *queue);

/* Plans a batch. */
typedef struct PlanJob {
        Job job;
        Environment *environment;
        void (*done)(struct PlanJob *job);
        void *userdata;
        PlanOptions options;
        uint64_t first_id, last_id;
        bool is_push_back; /* the changes */
        ChangeQueue queue; /* to be planned; then what is left */
        ChangeQueue planned;
        ChangeQueue failed; /* and dry runs */
        LogBatch batch;
        int r;
} PlanJob;

PlanJob *plan_job_new(Environment *environment, void (*done)(PlanJob *job), void *userdata);

/* Applies updates in one transaction. A failure takes half a second. */
typedef struct ApplyJob {
        Job job;
        Environment *environment;
        void (*done)(struct ApplyJob *job);
        void *userdata;
        UpdateQueue updates; /* also after a failure */
        ReplicaNews *news;
        size_t n_news;
        uint64_t revision; /* of the last update */
        int level;         /* of the log message of a failure */
        int r;
} ApplyJob;

ApplyJob *apply_job_new(Environment *environment, void (*done)(ApplyJob *job), void *userdata);

/* Stores a page of a snapshot. After the last one, which has a position, the snapshot is complete,
 * and replaces the replica unless it is `kept_beside`. */
typedef struct PageJob {
        Job job;
        ReplicaLoad *load; /* lent */
        void (*done)(struct PageJob *job);
        void *userdata;
        Update *page; /* owned */
        bool is_last, kept_beside;
        ReplicaPosition position;
        int r;
} PageJob;

/* Takes ownership of the page, also on failure; NULL: out of memory. */
PageJob *page_job_new(ReplicaLoad *load, Update *page, void (*done)(PageJob *job), void *userdata);

/* Makes changes on this host alone. */
typedef struct AloneJob {
        Job job;
        Environment *environment;
        void (*done)(struct AloneJob *job);
        void *userdata;
        PlanOptions options;
        uint64_t first_id, last_id;
        ChangeQueue queue;
        uint64_t n_outbox; /* entries of the outbox after it */
        int r;
} AloneJob;

AloneJob *alone_job_new(Environment *environment, void (*done)(AloneJob *job), void *userdata);

/* Collects a batch of the outbox; or settles one, if `settled` is set. */
typedef struct OutboxJob {
        Job job;
        Environment *environment;
        void (*done)(struct OutboxJob *job);
        void *userdata;
        OutboxBatch batch; /* collected; or only its ids, to be settled */
        bool *settled;     /* of each id, whether its change was made; owned */
        size_t n_settled;
        OutboxSettled result;
        uint64_t n_outbox; /* entries of the outbox after it */
        int r;
} OutboxJob;

OutboxJob *outbox_job_new(Environment *environment, void (*done)(OutboxJob *job), void *userdata);

/* Does nothing. Takes ownership of the change. */
typedef struct BarrierJob {
        Job job;
        void (*done)(struct BarrierJob *job);
        void *userdata;
        StoreChange *change;
} BarrierJob;

BarrierJob *barrier_job_new(StoreChange *change, void (*done)(BarrierJob *job), void *userdata);

/* Releases cached memory. */
typedef struct ReleaseJob {
        Job job;
        Environment *environment;
} ReleaseJob;

ReleaseJob *release_job_new(Environment *environment);

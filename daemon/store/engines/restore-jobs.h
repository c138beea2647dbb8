/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/engines/worker.h"
#include "daemon/store/shared/replica-load.h"
#include "daemon/store/shared/salvage.h"

/* Jobs of the worker thread after the shared log was restored from a backup, see replica-jobs.h. */

/* Gets the next page of what the log lacks. */
typedef struct SalvageJob {
        Job job;
        Environment *replica; /* lent, like the snapshot */
        Environment *snapshot;
        void (*done)(struct SalvageJob *job);
        void *userdata;
        RestoreRecord record;
        SalvageCursor cursor;
        SalvagePage page;
        int r;
} SalvageJob;

/* Takes the cursor over. */
SalvageJob *salvage_job_new(Environment *replica, Environment *snapshot,
                            const RestoreRecord *record, SalvageCursor *cursor,
                            void (*done)(SalvageJob *job), void *userdata);

/* Replaces the replica by the snapshot. */
typedef struct ReplaceJob {
        Job job;
        ReplicaLoad *load; /* lent */
        void (*done)(struct ReplaceJob *job);
        void *userdata;
        int r;
} ReplaceJob;

ReplaceJob *replace_job_new(ReplicaLoad *load, void (*done)(ReplaceJob *job), void *userdata);

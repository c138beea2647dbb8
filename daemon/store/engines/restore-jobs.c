/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/store/engines/restore-jobs.h"

static void salvage_run(Job *job)
{
        SalvageJob *salvage = container_of(job, SalvageJob, job);

        salvage->r = salvage_next(salvage->replica, salvage->snapshot, &salvage->record,
                                  &salvage->cursor, &salvage->page);
        if (salvage->r < 0)
                (void) environment_recover(salvage->replica);
}

static void salvage_drop(Job *job)
{
        SalvageJob *salvage = container_of(job, SalvageJob, job);

        salvage_cursor_clear(&salvage->cursor);
        salvage_page_clear(&salvage->page);
        free(salvage);
}

static void salvage_done(Job *job)
{
        SalvageJob *salvage = container_of(job, SalvageJob, job);

        salvage->done(salvage);
        salvage_drop(job);
}

SalvageJob *salvage_job_new(Environment *replica, Environment *snapshot,
                            const RestoreRecord *record, SalvageCursor *cursor,
                            void (*done)(SalvageJob *job), void *userdata)
{
        SalvageJob *salvage = calloc(1, sizeof(SalvageJob));

        if (!salvage)
                return NULL;
        *salvage = (SalvageJob){
                .job = {.run = salvage_run, .done = salvage_done, .drop = salvage_drop},
                .replica = replica,
                .snapshot = snapshot,
                .done = done,
                .userdata = userdata,
                .record = *record,
                .cursor = TAKE(*cursor, (SalvageCursor){}),
        };
        return salvage;
}

static void replace_run(Job *job)
{
        ReplaceJob *replace = container_of(job, ReplaceJob, job);

        replace->r = replica_load_end(replace->load);
}

static void replace_drop(Job *job)
{
        free(container_of(job, ReplaceJob, job));
}

static void replace_done(Job *job)
{
        ReplaceJob *replace = container_of(job, ReplaceJob, job);

        replace->done(replace);
        replace_drop(job);
}

ReplaceJob *replace_job_new(ReplicaLoad *load, void (*done)(ReplaceJob *job), void *userdata)
{
        ReplaceJob *replace = calloc(1, sizeof(ReplaceJob));

        if (!replace)
                return NULL;
        *replace = (ReplaceJob){
                .job = {.run = replace_run, .done = replace_done, .drop = replace_drop},
                .load = load,
                .done = done,
                .userdata = userdata,
        };
        return replace;
}

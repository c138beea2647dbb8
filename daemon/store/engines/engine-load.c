/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Loads a snapshot of the shared log, which replaces the replica. */

#include <errno.h>

#include "base/log.h"
#include "daemon/store/engines/engine-shared-internal.h"

/* The log may have been restored from a backup. */
static void load_again(EngineShared *shared)
{
        shared->load = replica_load_free(shared->load);
        shared->history.needs_load = true;
        engine_shared_check_history(shared);
}

static void on_loaded(EngineShared *shared)
{
        shared->load = replica_load_free(shared->load);
        engine_shared_end_restore(shared);
        if (shared->options.loaded)
                shared->options.loaded(shared->options.userdata);
        confirmations_reach(&shared->confirmations, shared->revision);
}

static void on_complete(EngineShared *shared, uint64_t revision)
{
        shared->revision = revision;
        update_queue_clear(&shared->arrived);
        shared->n_arrived = 0;
        shared->apply_error = 0;
        shared->late_at_ms = 0;
        (void) engine_shared_follow(shared);
        if (shared->restore.pushes_back)
                engine_shared_push_back(shared);
        else
                on_loaded(shared);
        engine_shared_finish_batch(shared);
        engine_shared_pump(shared);
}

static void on_page_stored(PageJob *job)
{
        EngineShared *shared = job->userdata;

        if (job->r < 0) {
                log_error("Failed to store a copy of the shared store: %s; loading again",
                          strerror(-job->r));
                load_again(shared);
        } else if (job->is_last) {
                on_complete(shared, job->position.revision);
        } else if (shared->log->class->load_next(shared->log) < 0) {
                load_again(shared);
        }
}

static PageJob *new_job(EngineShared *shared, uint64_t revision, const LogEvent *events,
                        size_t n_events)
{
        PageJob *job =
                page_job_new(shared->load, update_new(revision, shared->offset, events, n_events),
                             on_page_stored, shared);

        if (!job)
                return NULL;
        job->kept_beside = shared->restore.pushes_back;
        job->position = (ReplicaPosition){
                .revision = revision + shared->offset,
                .offset = shared->offset,
                .cluster = shared->log->class->cluster(shared->log),
        };
        return job;
}

static void on_page(int r, uint64_t revision, const LogEvent *events, size_t n_events, bool is_last,
                    void *userdata)
{
        EngineShared *shared = userdata;
        PageJob *job = NULL;

        /* The record was written after the check. */
        if (r == 0 && !engine_shared_is_other_history(shared, events, n_events))
                job = new_job(shared, revision, events, n_events);
        if (!job) {
                load_again(shared);
                return;
        }
        job->is_last = is_last;
        worker_queue(shared->worker, &job->job);
}

int engine_shared_load(EngineShared *shared)
{
        shared->load_waits = shared->mode == SHARED_PAUSED;
        if (shared->load || shared->load_waits)
                return 0;
        shared->history.needs_load = false;
        shared->load = replica_load_new(shared->options.environment);
        return shared->load ? shared->log->class->load(shared->log, "", on_page, shared) : -ENOMEM;
}

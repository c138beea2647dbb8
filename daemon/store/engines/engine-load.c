/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Loads a snapshot of the shared log, which replaces the replica. */

#include <errno.h>

#include "base/log.h"
#include "daemon/store/engines/engine-shared-internal.h"

static int load_again(EngineShared *shared)
{
        shared->load = replica_load_free(shared->load);
        return engine_shared_load(shared);
}

static void on_page_stored(PageJob *job)
{
        EngineShared *shared = job->userdata;

        if (job->r < 0) {
                log_error("Failed to store a copy of the shared store: %s; loading again",
                          strerror(-job->r));
                (void) load_again(shared);
        } else if (job->is_last) {
                shared->load = replica_load_free(shared->load);
                shared->revision = job->page->revision;
                update_queue_clear(&shared->arrived);
                shared->late_at_ms = 0;
                (void) engine_shared_follow(shared);
                if (shared->options.loaded)
                        shared->options.loaded(shared->options.userdata);
                confirmations_reach(&shared->confirmations, shared->revision);
                engine_shared_finish_batch(shared);
                engine_shared_pump(shared);
        } else {
                (void) shared->log->class->load_next(shared->log);
        }
}

static void on_page(int r, uint64_t revision, const LogEvent *events, size_t n_events, bool is_last,
                    void *userdata)
{
        EngineShared *shared = userdata;
        PageJob *job = NULL;

        if (r == 0)
                job = page_job_new(shared->load, revision, events, n_events, is_last,
                                   on_page_stored, shared);
        if (job)
                worker_queue(shared->worker, &job->job);
        else
                (void) load_again(shared);
}

int engine_shared_load(EngineShared *shared)
{
        shared->load_waits = shared->mode == SHARED_PAUSED;
        if (shared->load || shared->load_waits)
                return 0;
        shared->load = replica_load_new(shared->options.environment);
        return shared->load ? shared->log->class->load(shared->log, on_page, shared) : -ENOMEM;
}

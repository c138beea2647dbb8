/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes that this host makes alone, and their way to the other hosts. */

#include <errno.h>

#include "base/log.h"
#include "daemon/store/engines/engine-shared-internal.h"
#include "dbus/error.h"

static void on_made_alone(AloneJob *job)
{
        EngineShared *shared = job->userdata;
        StoreChange *change;

        shared->planning = false;
        shared->first_id = job->first_id;
        shared->last_id = job->last_id;
        if (job->r < 0) {
                engine_shared_fail_all(shared, &job->queue, store_error_from_errno(job->r));
        } else {
                if (shared->n_outbox == 0)
                        log_warning("The shared store cannot be reached: exchanges are kept on "
                                    "this host until it can");
                shared->n_outbox = job->n_outbox;
                while ((change = change_queue_pop(&job->queue)))
                        engine_shared_end_change(shared, change);
        }
        engine_shared_pump(shared);
}

/* Removes from the queue the changes that this host may make without the others. */
void engine_shared_make_alone(EngineShared *shared, ChangeQueue *queue)
{
        ChangeQueue others;
        StoreChange *change;
        AloneJob *job = NULL;

        if (!shared->options.may_be_alone || shared->revision == 0)
                return;
        STAILQ_INIT(&others);
        while ((change = change_queue_pop(queue))) {
                if (change->kind->may_be_alone && !job)
                        job = alone_job_new(shared->options.environment, on_made_alone, shared);
                if (change->kind->may_be_alone && job)
                        STAILQ_INSERT_TAIL(&job->queue, change, entry);
                else
                        STAILQ_INSERT_TAIL(&others, change, entry);
        }
        STAILQ_CONCAT(queue, &others);
        if (!job)
                return;
        job->options = (PlanOptions){.revision = shared->revision,
                                     .host = shared->log->class->host(shared->log)};
        job->first_id = shared->first_id;
        job->last_id = shared->last_id;
        shared->planning = true;
        worker_queue(shared->worker, &job->job);
}

void engine_shared_keep_outbox(EngineShared *shared)
{
        shared->outbox_waits = true;
        engine_shared_forget_batch(shared);
}

static void on_pushed(int r, uint64_t revision, const bool *done, void *userdata)
{
        EngineShared *shared = userdata;
        size_t n = shared->pushed.batch.n_changes;

        if (r == 0) {
                shared->done = calloc(n + 1, sizeof(bool));
                if (!shared->done)
                        r = -ENOMEM;
        }
        if (r != 0) {
                engine_shared_keep_outbox(shared);
                engine_shared_pump(shared);
                return;
        }
        memcpy(shared->done, done, n * sizeof(bool));
        shared->committed = revision + shared->batch_offset;
        engine_shared_finish_batch(shared);
}

static int commit_batch(EngineShared *shared)
{
        log_batch_subtract(&shared->pushed.batch, shared->offset);
        shared->batch_offset = shared->offset;
        return shared->log->class->commit(shared->log, &shared->pushed.batch, on_pushed, shared);
}

static void on_collected(OutboxJob *job)
{
        EngineShared *shared = job->userdata;
        int r = job->r;

        shared->planning = false;
        shared->pushed = TAKE(job->batch, (OutboxBatch){});
        if (!shared->history.is_checked)
                engine_shared_forget_batch(shared);
        else if (r == 0 && shared->pushed.batch.n_changes > 0)
                r = commit_batch(shared);
        else
                shared->n_outbox = job->n_outbox;
        if (r < 0)
                engine_shared_keep_outbox(shared);
        engine_shared_pump(shared);
}

void engine_shared_push_outbox(EngineShared *shared)
{
        OutboxJob *job = outbox_job_new(shared->options.environment, on_collected, shared);

        shared->outbox_waits = !job;
        if (!job)
                return;
        shared->planning = true;
        worker_queue(shared->worker, &job->job);
}

static void on_settled(OutboxJob *job)
{
        EngineShared *shared = job->userdata;

        shared->is_settling = false;
        if (job->result.n_lost > 0)
                log_error("%zu passkeys that were linked here while the shared store could not be "
                          "reached are linked to other users by other hosts",
                          job->result.n_lost);
        if (job->r < 0 || !job->result.has_changed)
                shared->outbox_waits = true;
        if (job->r == 0)
                shared->n_outbox = job->n_outbox;
        if (shared->n_outbox == 0)
                log_notice("All exchanges that were kept on this host are shared now");
        engine_shared_forget_batch(shared);
        engine_shared_pump(shared);
}

void engine_shared_settle_outbox(EngineShared *shared)
{
        OutboxJob *job = outbox_job_new(shared->options.environment, on_settled, shared);

        if (!job) {
                engine_shared_keep_outbox(shared);
                return;
        }
        shared->is_settling = true;
        job->settled = TAKE_PTR(shared->done);
        memcpy(job->batch.ids, shared->pushed.ids, sizeof(job->batch.ids));
        job->batch.batch.n_changes = 0;
        job->n_settled = shared->pushed.batch.n_changes;
        worker_queue(shared->worker, &job->job);
}

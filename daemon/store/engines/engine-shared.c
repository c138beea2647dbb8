/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/store/engines/engine-shared-internal.h"
#include "daemon/store/shared/revision-id.h"
#include "dbus/error.h"

/* A change fails after so many plans whose conditions did not hold. */
#define ATTEMPTS_MAX 64U

/* Ends of changes */

void engine_shared_end_change(EngineShared *shared, StoreChange *change)
{
        STAILQ_INSERT_TAIL(&shared->ended, change, entry);
        worker_wake(shared->worker);
}

void engine_shared_fail_all(EngineShared *shared, ChangeQueue *queue, int r)
{
        StoreChange *change;

        while ((change = change_queue_pop(queue))) {
                change_fail(change, r);
                engine_shared_end_change(shared, change);
        }
}

static void finish_change(EngineShared *shared, StoreChange *change, bool done, ChangeQueue *again)
{
        if (done)
                change_keep_step(change);
        if (done && !change->unfinished) {
                engine_shared_end_change(shared, change);
        } else if (!done && (change->takes_over || change->is_push_back ||
                             ++change->n_attempts >= ATTEMPTS_MAX)) {
                change_fail(change, ERROR_STORE_FAILED);
                engine_shared_end_change(shared, change);
        } else {
                STAILQ_INSERT_TAIL(again, change, entry);
        }
}

void engine_shared_forget_batch(EngineShared *shared)
{
        log_batch_clear(&shared->batch);
        log_batch_clear(&shared->pushed.batch);
        free(TAKE_PTR(shared->done));
        shared->committed = 0;
}

/* As a rule, the replica has reached the batch: its changes are readable, and those that failed can
 * be planned with what they collided with. A replica that cannot be written does not keep callers
 * waiting for changes that the log has. */
void engine_shared_finish_batch(EngineShared *shared)
{
        bool is_reached = shared->committed <= shared->revision;
        StoreChange *change;
        ChangeQueue again;
        size_t i = 0;

        if (!shared->done || shared->is_settling || (!is_reached && shared->apply_error == 0))
                return;
        if (shared->pushed.batch.n_changes > 0) {
                if (is_reached)
                        engine_shared_settle_outbox(shared);
                else
                        engine_shared_keep_outbox(shared);
                return;
        }
        STAILQ_INIT(&again);
        while ((change = change_queue_pop(&shared->planned)))
                finish_change(shared, change, shared->done[i++],
                              change->is_push_back ? &shared->restore.queue : &again);
        STAILQ_CONCAT(&again, &shared->waiting);
        STAILQ_CONCAT(&shared->waiting, &again);
        engine_shared_forget_batch(shared);
        engine_shared_pump(shared);
}

/* Commit */

static void on_committed(int r, uint64_t revision, const bool *done, void *userdata)
{
        EngineShared *shared = userdata;

        if (r == 0) {
                shared->done = calloc(shared->batch.n_changes + 1, sizeof(bool));
                if (!shared->done)
                        r = -ENOMEM;
        }
        if (r != 0) {
                engine_shared_forget_batch(shared);
                engine_shared_make_alone(shared, &shared->planned);
                engine_shared_fail_all(shared, &shared->planned, r < 0 ? ERROR_STORE_FAILED : r);
                engine_shared_pump(shared);
                return;
        }
        memcpy(shared->done, done, shared->batch.n_changes * sizeof(bool));
        shared->committed = revision + shared->batch_offset;
        engine_shared_finish_batch(shared);
        if (shared->history.wants_check)
                engine_shared_pump(shared);
}

static void commit_batch(EngineShared *shared)
{
        int r;

        log_batch_subtract(&shared->batch, shared->offset);
        shared->batch_offset = shared->offset;
        r = shared->log->class->commit(shared->log, &shared->batch, on_committed, shared);
        if (r == 0)
                return;
        engine_shared_forget_batch(shared);
        engine_shared_make_alone(shared, &shared->planned);
        engine_shared_fail_all(shared, &shared->planned, ERROR_STORE_FAILED);
}

/* Plan */

static void on_planned(PlanJob *job)
{
        EngineShared *shared = job->userdata;
        ChangeQueue *queue = job->is_push_back ? &shared->restore.queue : &shared->waiting;
        int r = job->r;

        shared->planning = false;
        shared->first_id = job->first_id;
        shared->last_id = job->last_id;
        if (!shared->history.is_checked) { /* plan again, with the history of the log */
                STAILQ_CONCAT(&job->planned, &job->queue);
                STAILQ_CONCAT(&job->queue, &job->planned);
                log_batch_clear(&job->batch);
        }
        STAILQ_CONCAT(&job->queue, queue); /* the changes that are left come first */
        STAILQ_CONCAT(queue, &job->queue);
        STAILQ_CONCAT(&shared->planned, &job->planned);
        STAILQ_CONCAT(&shared->ended, &job->failed);
        shared->batch = TAKE(job->batch, (LogBatch){});
        if (r < 0)
                engine_shared_fail_all(shared, queue, store_error_from_errno(r));
        if (shared->batch.n_changes > 0)
                commit_batch(shared);
        else
                engine_shared_forget_batch(shared);
        engine_shared_pump(shared);
}

/* More than a batch needs, because plans may fail. */
#define PLANNED_AT_ONCE LOG_BATCH_MAX

static void start_plan(EngineShared *shared, ChangeQueue *queue)
{
        PlanJob *job = plan_job_new(engine_shared_environment(shared), on_planned, shared);

        if (!job) {
                engine_shared_fail_all(shared, queue, ERROR_STORE_FAILED);
                return;
        }
        job->is_push_back = queue == &shared->restore.queue;
        job->options = (PlanOptions){.revision = shared->revision,
                                     .host = shared->log->class->host(shared->log)};
        job->first_id = shared->first_id;
        job->last_id = shared->last_id;
        for (unsigned i = 0; i < PLANNED_AT_ONCE; i++) {
                StoreChange *change = change_queue_pop(queue);

                if (!change)
                        break;
                STAILQ_INSERT_TAIL(&job->queue, change, entry);
        }
        shared->planning = true;
        worker_queue(shared->worker, &job->job);
}

Environment *engine_shared_environment(const EngineShared *shared)
{
        return shared->restore.is_pushing ? replica_load_environment(shared->load)
                                          : shared->options.environment;
}

bool engine_shared_has_batch(const EngineShared *shared)
{
        return shared->planning || !STAILQ_EMPTY(&shared->planned) ||
               shared->pushed.batch.n_changes > 0;
}

/* Changes cannot be made with the log now. */
static bool is_stopped(const EngineShared *shared)
{
        return !shared->reachable || shared->revision == 0 || shared->history.has_failed ||
               shared->restore.is_active;
}

void engine_shared_pump(EngineShared *shared)
{
        bool must_wait = shared->mode == SHARED_PAUSED || engine_shared_go_on_with_history(shared);

        if (shared->mode == SHARED_PAUSED || engine_shared_has_batch(shared) ||
            (!shared->knows_reachable && shared->revision > 0))
                return;
        if (shared->apply_error != 0) {
                engine_shared_fail_all(shared, &shared->waiting,
                                       store_error_from_errno(shared->apply_error));
        } else if (is_stopped(shared) && !STAILQ_EMPTY(&shared->waiting)) {
                engine_shared_make_alone(shared, &shared->waiting);
                engine_shared_fail_all(shared, &shared->waiting, ERROR_STORE_FAILED);
        } else if (!must_wait && !STAILQ_EMPTY(&shared->restore.queue)) {
                start_plan(shared, &shared->restore.queue);
        } else if (must_wait || is_stopped(shared)) {
                return;
        } else if (shared->n_outbox > 0 && !shared->outbox_waits && shared->mode != SHARED_LEFT) {
                engine_shared_push_outbox(shared);
        } else if (!STAILQ_EMPTY(&shared->waiting)) {
                start_plan(shared, &shared->waiting);
        }
}

/* The engine */

static Engine *shared_free(Engine *engine)
{
        EngineShared *shared = (EngineShared *) engine;

        worker_free(shared->worker); /* before what its jobs use */
        if (shared->log)
                shared->log->class->free(shared->log);
        leave_free(shared->leave);
        confirmations_clear(&shared->confirmations);
        replica_load_free(shared->load);
        change_queue_clear(&shared->waiting);
        change_queue_clear(&shared->planned);
        change_queue_clear(&shared->restore.queue);
        salvage_cursor_clear(&shared->restore.cursor);
        salvage_cursor_clear(&shared->restore.next);
        log_batch_clear(&shared->history.batch);
        change_queue_clear(&shared->ended);
        update_queue_clear(&shared->arrived);
        engine_shared_forget_batch(shared);
        free(shared);
        return NULL;
}

static void on_barrier(BarrierJob *job)
{
        engine_shared_end_change(job->userdata, TAKE_PTR(job->change));
}

static void shared_queue(Engine *engine, StoreChange *change)
{
        EngineShared *shared = (EngineShared *) engine;
        BarrierJob *job;

        if (change->tenancy_id && shared->mode != SHARED_OPEN && !change->kind->leaves) {
                change_fail(change, ERROR_STORE_FAILED);
                engine_shared_end_change(shared, change);
                return;
        }
        if (change->tenancy_id) {
                STAILQ_INSERT_TAIL(&shared->waiting, change, entry);
                engine_shared_pump(shared);
                return;
        }
        /* A barrier checks the worker thread, and does not wait for the log. */
        job = barrier_job_new(change, on_barrier, shared);
        if (job) {
                worker_queue(shared->worker, &job->job);
                return;
        }
        change_fail(change, ERROR_STORE_FAILED);
        engine_shared_end_change(shared, change);
}

static int shared_get_fd(Engine *engine)
{
        return worker_get_fd(((EngineShared *) engine)->worker);
}

static void shared_collect(Engine *engine, ChangeQueue *ended)
{
        EngineShared *shared = (EngineShared *) engine;

        worker_dispatch(shared->worker);
        STAILQ_CONCAT(ended, &shared->ended);
}

static int shared_is_readable(Engine *engine)
{
        return ((EngineShared *) engine)->revision > 0 ? 0 : ERROR_STORE_FAILED;
}

static ConfirmationList *shared_confirmations(Engine *engine)
{
        return &((EngineShared *) engine)->confirmations;
}

static bool shared_is_elsewhere(Engine *engine, uint64_t id)
{
        EngineShared *shared = (EngineShared *) engine;

        return host_of_id(id) != shared->log->class->host(shared->log);
}

static bool shared_is_left(Engine *engine, uint64_t id)
{
        EngineShared *shared = (EngineShared *) engine;

        return !shared_is_elsewhere(engine, id) &&
               (shared->first_id == 0 || id < shared->first_id || id_is_moved(id));
}

static uint64_t shared_outbox(Engine *engine)
{
        return ((EngineShared *) engine)->n_outbox;
}

static void shared_release_memory(Engine *engine)
{
        EngineShared *shared = (EngineShared *) engine;
        ReleaseJob *job = release_job_new(shared->options.environment);

        if (job)
                worker_queue(shared->worker, &job->job);
}

static size_t count(const ChangeQueue *queue)
{
        const StoreChange *change;
        size_t n = 0;

        STAILQ_FOREACH(change, queue, entry)
                n++;
        return n;
}

void engine_shared_set_may_be_alone(Engine *engine, bool may_be_alone)
{
        ((EngineShared *) engine)->options.may_be_alone = may_be_alone;
}

void engine_shared_get_status(Engine *engine, ReplicaStatus *ret)
{
        const EngineShared *shared = (EngineShared *) engine;

        *ret = (ReplicaStatus){
                .revision = shared->revision,
                .offset = shared->offset,
                .is_restoring = shared->restore.is_active,
                .is_loading = shared->load,
                .has_left = shared->mode != SHARED_OPEN,
                .late_at_ms = shared->late_at_ms,
                .n_waiting = count(&shared->waiting) + count(&shared->planned),
                .n_outbox = shared->n_outbox,
        };
}

static const EngineClass shared_class = {
        .free = shared_free,
        .queue = shared_queue,
        .get_fd = shared_get_fd,
        .collect = shared_collect,
        .confirmations = shared_confirmations,
        .is_elsewhere = shared_is_elsewhere,
        .is_readable = shared_is_readable,
        .is_left = shared_is_left,
        .outbox = shared_outbox,
        .release_memory = shared_release_memory,
};

int engine_shared_new(const EngineSharedOptions *options, Engine **ret)
{
        EngineShared *shared = calloc(1, sizeof(EngineShared));
        ReplicaPosition position;
        int r;

        if (!shared) {
                options->log->class->free(options->log);
                return -ENOMEM;
        }
        shared->engine.class = &shared_class;
        shared->options = *options;
        shared->log = options->log;
        shared->mode = options->has_left ? SHARED_LEFT : SHARED_OPEN;
        STAILQ_INIT(&shared->waiting);
        STAILQ_INIT(&shared->planned);
        STAILQ_INIT(&shared->ended);
        STAILQ_INIT(&shared->arrived);
        STAILQ_INIT(&shared->restore.queue);
        r = engine_shared_read_position(options->environment, &position);
        if (r == 0)
                r = outbox_count(options->environment, &shared->n_outbox);
        if (r < 0) /* a replica that cannot be read is loaded anew */
                position = (ReplicaPosition){};
        shared->revision = position.revision;
        shared->offset = position.offset;
        shared->confirmations = (ConfirmationList){
                .log = shared->log, .revision = shared->revision, .offset = shared->offset};
        if (position.cluster > 0)
                shared->log->class->expect_cluster(shared->log, position.cluster);
        r = worker_new(&shared->worker);
        if (r == 0)
                r = engine_shared_watch_reachable(shared);
        if (r == 0)
                engine_shared_check_history(shared);
        if (r < 0) {
                shared_free(&shared->engine);
                return r;
        }
        *ret = &shared->engine;
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <malloc.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/store/engines/engine-shared.h"
#include "daemon/store/engines/replica-jobs.h"
#include "daemon/store/engines/worker.h"
#include "daemon/store/shared/plan.h"
#include "daemon/store/shared/revision-id.h"
#include "dbus/error.h"

/* A change fails after so many plans whose conditions did not hold. */
#define ATTEMPTS_MAX 64U

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
        bool apply_failed;
        uint64_t applying_at_ms; /* when it began, in CLOCK_MONOTONIC */
        uint64_t late_at_ms;     /* see ReplicaStatus */
        ReplicaLoad *load;       /* NULL: not loading */
        bool knows_reachable;    /* the log has told `reachable` */
        bool reachable;

        Leave *leave; /* NULL: none */
        EngineSharedMode mode;
        bool load_waits; /* while paused */
} EngineShared;

static void pump(EngineShared *shared);
static int start_loading(EngineShared *shared);

/* Ends of changes */

static void end_change(EngineShared *shared, StoreChange *change)
{
        STAILQ_INSERT_TAIL(&shared->ended, change, entry);
        worker_wake(shared->worker);
}

static void make_alone(EngineShared *shared, ChangeQueue *queue);

static void fail_all(EngineShared *shared, ChangeQueue *queue, int r)
{
        StoreChange *change;

        while ((change = change_queue_pop(queue))) {
                change_fail(change, r);
                end_change(shared, change);
        }
}

static void finish_change(EngineShared *shared, StoreChange *change, bool done, ChangeQueue *again)
{
        if (done)
                change_keep_step(change);
        if (done && !change->unfinished) {
                end_change(shared, change);
        } else if (!done && (change->takes_over || ++change->n_attempts >= ATTEMPTS_MAX)) {
                change_fail(change, ERROR_STORE_FAILED);
                end_change(shared, change);
        } else {
                STAILQ_INSERT_TAIL(again, change, entry);
        }
}

static void forget_batch(EngineShared *shared)
{
        log_batch_clear(&shared->batch);
        log_batch_clear(&shared->pushed.batch);
        free(TAKE_PTR(shared->done));
        shared->committed = 0;
}

static void settle_outbox(EngineShared *shared);

/* The replica has reached the batch: its changes are readable, and those that failed can be planned
 * with what they collided with. */
static void finish_batch(EngineShared *shared)
{
        StoreChange *change;
        ChangeQueue again;
        size_t i = 0;

        if (!shared->done || shared->committed > shared->revision || shared->is_settling)
                return;
        if (shared->pushed.batch.n_changes > 0) {
                settle_outbox(shared);
                return;
        }
        STAILQ_INIT(&again);
        while ((change = change_queue_pop(&shared->planned)))
                finish_change(shared, change, shared->done[i++], &again);
        STAILQ_CONCAT(&again, &shared->waiting);
        STAILQ_CONCAT(&shared->waiting, &again);
        forget_batch(shared);
        pump(shared);
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
                forget_batch(shared);
                make_alone(shared, &shared->planned);
                fail_all(shared, &shared->planned, r < 0 ? ERROR_STORE_FAILED : r);
                pump(shared);
                return;
        }
        memcpy(shared->done, done, shared->batch.n_changes * sizeof(bool));
        shared->committed = revision;
        finish_batch(shared);
}

static void commit_batch(EngineShared *shared)
{
        int r;

        r = shared->log->class->commit(shared->log, &shared->batch, on_committed, shared);
        if (r == 0)
                return;
        forget_batch(shared);
        make_alone(shared, &shared->planned);
        fail_all(shared, &shared->planned, ERROR_STORE_FAILED);
}

/* Plan */

static void on_planned(PlanJob *job)
{
        EngineShared *shared = job->userdata;
        int r = job->r;

        shared->planning = false;
        shared->first_id = job->first_id;
        shared->last_id = job->last_id;
        STAILQ_CONCAT(&job->queue, &shared->waiting); /* the changes that are left come first */
        STAILQ_CONCAT(&shared->waiting, &job->queue);
        STAILQ_CONCAT(&shared->planned, &job->planned);
        STAILQ_CONCAT(&shared->ended, &job->failed);
        shared->batch = TAKE(job->batch, (LogBatch){});
        if (r < 0)
                fail_all(shared, &shared->waiting, store_error_from_errno(r));
        if (shared->batch.n_changes > 0)
                commit_batch(shared);
        else
                forget_batch(shared);
        pump(shared);
}

/* More than a batch needs, because plans may fail. */
#define PLANNED_AT_ONCE LOG_BATCH_MAX

static void start_plan(EngineShared *shared)
{
        PlanJob *job = plan_job_new(shared->options.environment, on_planned, shared);

        if (!job) {
                fail_all(shared, &shared->waiting, ERROR_STORE_FAILED);
                return;
        }
        job->options = (PlanOptions){.revision = shared->revision,
                                     .host = shared->log->class->host(shared->log)};
        job->first_id = shared->first_id;
        job->last_id = shared->last_id;
        for (unsigned i = 0; i < PLANNED_AT_ONCE; i++) {
                StoreChange *change = change_queue_pop(&shared->waiting);

                if (!change)
                        break;
                STAILQ_INSERT_TAIL(&job->queue, change, entry);
        }
        shared->planning = true;
        worker_queue(shared->worker, &job->job);
}

static bool has_batch(const EngineShared *shared)
{
        return shared->planning || !STAILQ_EMPTY(&shared->planned) ||
               shared->pushed.batch.n_changes > 0;
}

/* Outbox */

static void on_made_alone(AloneJob *job)
{
        EngineShared *shared = job->userdata;
        StoreChange *change;

        shared->planning = false;
        shared->first_id = job->first_id;
        shared->last_id = job->last_id;
        if (job->r < 0) {
                fail_all(shared, &job->queue, store_error_from_errno(job->r));
        } else {
                if (shared->n_outbox == 0)
                        log_warning("The shared store cannot be reached: exchanges are kept on "
                                    "this host until it can");
                shared->n_outbox = job->n_outbox;
                while ((change = change_queue_pop(&job->queue)))
                        end_change(shared, change);
        }
        pump(shared);
}

/* Removes from the queue the changes that this host may make without the others. */
static void make_alone(EngineShared *shared, ChangeQueue *queue)
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
                shared->outbox_waits = true;
                forget_batch(shared);
                pump(shared);
                return;
        }
        memcpy(shared->done, done, n * sizeof(bool));
        shared->committed = revision;
        finish_batch(shared);
}

static void on_collected(OutboxJob *job)
{
        EngineShared *shared = job->userdata;
        int r = job->r;

        shared->planning = false;
        shared->pushed = TAKE(job->batch, (OutboxBatch){});
        if (r == 0 && shared->pushed.batch.n_changes > 0)
                r = shared->log->class->commit(shared->log, &shared->pushed.batch, on_pushed,
                                               shared);
        else
                shared->n_outbox = job->n_outbox;
        if (r < 0) {
                shared->outbox_waits = true;
                forget_batch(shared);
        }
        pump(shared);
}

static void push_outbox(EngineShared *shared)
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
        forget_batch(shared);
        pump(shared);
}

static void settle_outbox(EngineShared *shared)
{
        OutboxJob *job = outbox_job_new(shared->options.environment, on_settled, shared);

        if (!job) { /* pushes the same entries again */
                shared->outbox_waits = true;
                forget_batch(shared);
                return;
        }
        shared->is_settling = true;
        job->settled = TAKE_PTR(shared->done);
        memcpy(job->batch.ids, shared->pushed.ids, sizeof(job->batch.ids));
        job->batch.batch.n_changes = 0;
        job->n_settled = shared->pushed.batch.n_changes;
        worker_queue(shared->worker, &job->job);
}

/* Goes on with what waits. */
static void pump(EngineShared *shared)
{
        if (shared->mode == SHARED_PAUSED || has_batch(shared) ||
            (!shared->knows_reachable && shared->revision > 0))
                return;
        if (shared->reachable && shared->revision > 0 && shared->n_outbox > 0 &&
            !shared->outbox_waits) {
                push_outbox(shared);
        } else if (STAILQ_EMPTY(&shared->waiting)) {
                return;
        } else if (!shared->reachable || shared->revision == 0) {
                make_alone(shared, &shared->waiting);
                fail_all(shared, &shared->waiting, ERROR_STORE_FAILED);
        } else {
                start_plan(shared);
        }
}

/* Replica */

static void start_applying(EngineShared *shared);

static void report_news(const EngineShared *shared, const ApplyJob *job)
{
        for (size_t i = 0; shared->options.changed && i < job->n_news; i++)
                shared->options.changed(&job->news[i], shared->options.userdata);
}

static void on_applied(ApplyJob *job)
{
        EngineShared *shared = job->userdata;

        shared->applying = false;
        shared->apply_failed = job->r < 0;
        if (job->r < 0) { /* try again, with what has arrived since */
                STAILQ_CONCAT(&job->updates, &shared->arrived);
                STAILQ_CONCAT(&shared->arrived, &job->updates);
        } else {
                shared->revision = job->revision;
                shared->late_at_ms = STAILQ_EMPTY(&shared->arrived) ? 0 : shared->applying_at_ms;
                report_news(shared, job);
                confirmations_reach(&shared->confirmations, shared->revision);
        }
        start_applying(shared);
        finish_batch(shared);
}

static void start_applying(EngineShared *shared)
{
        ApplyJob *job;

        if (shared->mode == SHARED_PAUSED || shared->applying || shared->load ||
            STAILQ_EMPTY(&shared->arrived))
                return;
        job = apply_job_new(shared->options.environment, on_applied, shared);
        if (!job)
                return; /* with the next update */
        STAILQ_CONCAT(&job->updates, &shared->arrived);
        job->level = shared->apply_failed ? LOG_DEBUG : LOG_ERR;
        shared->applying = true;
        shared->applying_at_ms = monotonic_ms();
        worker_queue(shared->worker, &job->job);
}

static void on_changed(uint64_t revision, const LogEvent *events, size_t n_events, bool is_own,
                       void *userdata)
{
        EngineShared *shared = userdata;
        Update *update;

        if (revision <= shared->revision)
                return;
        update = update_new(revision, events, n_events);
        if (!update) {
                (void) start_loading(shared);
                return;
        }
        /* A batch that was given up has no caller any more. */
        update->is_own = is_own && !STAILQ_EMPTY(&shared->planned);
        /* Not after an attempt of the outbox itself. */
        if (update->is_own || !is_own)
                shared->outbox_waits = false;
        STAILQ_INSERT_TAIL(&shared->arrived, update, entry);
        if (shared->late_at_ms == 0)
                shared->late_at_ms = monotonic_ms();
        start_applying(shared);
}

static void on_reachable(bool is_reachable, void *userdata)
{
        EngineShared *shared = userdata;

        shared->knows_reachable = true;
        shared->reachable = is_reachable;
        shared->outbox_waits = false;
        pump(shared);
}

static void on_lost(void *userdata)
{
        (void) start_loading(userdata);
}

static void on_away(unsigned host, void *userdata)
{
        const EngineShared *shared = userdata;

        if (shared->options.away)
                shared->options.away(host, shared->options.userdata);
}

static int follow(EngineShared *shared)
{
        const LogFollower follower = {
                .changed = on_changed,
                .lost = on_lost,
                .reachable = on_reachable,
                .away = on_away,
                .userdata = shared,
        };

        return shared->log->class->follow(shared->log, shared->revision, &follower);
}

/* Load */

static int load_again(EngineShared *shared)
{
        shared->load = replica_load_free(shared->load);
        return start_loading(shared);
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
                (void) follow(shared);
                if (shared->options.loaded)
                        shared->options.loaded(shared->options.userdata);
                confirmations_reach(&shared->confirmations, shared->revision);
                finish_batch(shared);
                pump(shared);
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

static int start_loading(EngineShared *shared)
{
        shared->load_waits = shared->mode == SHARED_PAUSED;
        if (shared->load || shared->load_waits)
                return 0;
        shared->load = replica_load_new(shared->options.environment);
        return shared->load ? shared->log->class->load(shared->log, on_page, shared) : -ENOMEM;
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
        change_queue_clear(&shared->ended);
        update_queue_clear(&shared->arrived);
        forget_batch(shared);
        free(shared);
        return NULL;
}

static void on_barrier(BarrierJob *job)
{
        end_change(job->userdata, TAKE_PTR(job->change));
}

static void shared_queue(Engine *engine, StoreChange *change)
{
        EngineShared *shared = (EngineShared *) engine;
        BarrierJob *job;

        if (change->tenancy_id && shared->mode != SHARED_OPEN && !change->kind->leaves) {
                change_fail(change, ERROR_STORE_FAILED);
                end_change(shared, change);
                return;
        }
        if (change->tenancy_id) {
                STAILQ_INSERT_TAIL(&shared->waiting, change, entry);
                pump(shared);
                return;
        }
        /* A barrier checks the worker thread, and does not wait for the log. */
        job = barrier_job_new(change, on_barrier, shared);
        if (job) {
                worker_queue(shared->worker, &job->job);
                return;
        }
        change_fail(change, ERROR_STORE_FAILED);
        end_change(shared, change);
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

void engine_shared_get_status(Engine *engine, ReplicaStatus *ret)
{
        const EngineShared *shared = (EngineShared *) engine;

        *ret = (ReplicaStatus){
                .revision = shared->revision,
                .is_loading = shared->load,
                .has_left = shared->mode != SHARED_OPEN,
                .late_at_ms = shared->late_at_ms,
                .n_waiting = count(&shared->waiting) + count(&shared->planned),
                .n_outbox = shared->n_outbox,
        };
}

/* Leave */

EngineSharedMode engine_shared_mode(const Engine *engine)
{
        return ((const EngineShared *) engine)->mode;
}

void engine_shared_set_mode(Engine *engine, EngineSharedMode mode)
{
        EngineShared *shared = (EngineShared *) engine;

        shared->mode = mode;
        if (mode == SHARED_PAUSED)
                return;
        if (shared->load_waits)
                (void) start_loading(shared);
        start_applying(shared);
        pump(shared);
}

bool engine_shared_is_busy(const Engine *engine)
{
        const EngineShared *shared = (const EngineShared *) engine;

        return has_batch(shared) || !STAILQ_EMPTY(&shared->waiting);
}

bool engine_shared_is_loading(const Engine *engine)
{
        return ((const EngineShared *) engine)->load;
}

bool engine_shared_is_reachable(const Engine *engine)
{
        return ((const EngineShared *) engine)->reachable;
}

const EngineSharedOptions *engine_shared_options(const Engine *engine)
{
        return &((const EngineShared *) engine)->options;
}

Leave **engine_shared_leave(Engine *engine)
{
        return &((EngineShared *) engine)->leave;
}

void engine_shared_queue_job(Engine *engine, Job *job)
{
        worker_queue(((EngineShared *) engine)->worker, job);
}

static int read_revision(Environment *environment, uint64_t *ret)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        r = environment_begin_read(environment, &txn);
        return r < 0 ? r : replica_get_revision(&txn, ret);
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
        int r;

        if (!shared) {
                options->log->class->free(options->log);
                return -ENOMEM;
        }
        shared->engine.class = &shared_class;
        shared->options = *options;
        shared->log = options->log;
        shared->mode = options->has_left ? SHARED_CLOSED : SHARED_OPEN;
        STAILQ_INIT(&shared->waiting);
        STAILQ_INIT(&shared->planned);
        STAILQ_INIT(&shared->ended);
        STAILQ_INIT(&shared->arrived);
        r = read_revision(options->environment, &shared->revision);
        if (r == 0)
                r = outbox_count(options->environment, &shared->n_outbox);
        if (r < 0) /* a replica that cannot be read is loaded anew */
                shared->revision = 0;
        shared->confirmations =
                (ConfirmationList){.log = shared->log, .revision = shared->revision};
        r = worker_new(&shared->worker);
        if (r == 0)
                r = shared->revision > 0 ? follow(shared) : start_loading(shared);
        if (r < 0) {
                shared_free(&shared->engine);
                return r;
        }
        *ret = &shared->engine;
        return 0;
}

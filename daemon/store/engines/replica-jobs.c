/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <malloc.h>
#include <time.h>

#include "base/log.h"
#include "daemon/store/engines/replica-jobs.h"
#include "daemon/store/shared/replica.h"

/* Updates */

void update_free(Update *update)
{
        if (!update)
                return;
        for (size_t i = 0; i < update->n_events; i++) {
                free(update->events[i].key);
                free(update->events[i].value);
        }
        free(update->events);
        free(update);
}
DEFINE_CLEANUP(Update *, update_free);

/* A removed key has no revision. */
static int copy_event(const LogEvent *event, uint64_t offset, LogEvent *ret)
{
        ret->created_at = event->created_at > 0 ? event->created_at + offset : 0;
        ret->changed_at = event->changed_at + offset;
        ret->value_len = event->value_len;
        ret->key = strdup(event->key);
        if (!ret->key)
                return -ENOMEM;
        if (!event->value)
                return 0;
        ret->value = malloc(event->value_len + 1);
        if (!ret->value)
                return -ENOMEM;
        memcpy(ret->value, event->value, event->value_len);
        return 0;
}

Update *update_new(uint64_t revision, uint64_t offset, const LogEvent *events, size_t n_events)
{
        _cleanup_(update_freep) Update *update = calloc(1, sizeof(Update));

        if (!update)
                return NULL;
        update->revision = revision + offset;
        update->events = calloc(n_events + 1, sizeof(LogEvent));
        if (!update->events)
                return NULL;
        update->n_events = n_events;
        for (size_t i = 0; i < n_events; i++)
                if (copy_event(&events[i], offset, &update->events[i]) < 0)
                        return NULL;
        return TAKE_PTR(update);
}

void update_queue_clear(UpdateQueue *queue)
{
        Update *update;

        while ((update = STAILQ_FIRST(queue))) {
                STAILQ_REMOVE_HEAD(queue, entry);
                update_free(update);
        }
}

/* Plan */

static void plan_free(PlanJob *plan)
{
        change_queue_clear(&plan->queue);
        change_queue_clear(&plan->planned);
        change_queue_clear(&plan->failed);
        log_batch_clear(&plan->batch);
        free(plan);
}

static void plan_run(Job *job)
{
        PlanJob *plan = container_of(job, PlanJob, job);

        plan->options.first_id = &plan->first_id;
        plan->options.last_id = &plan->last_id;
        do {
                plan->r = plan_batch(plan->environment, &plan->options, &plan->queue,
                                     &plan->planned, &plan->failed, &plan->batch);
        } while (plan->r == -EXFULL && (plan->r = environment_grow(plan->environment)) == 0);
        if (plan->r < 0)
                (void) environment_recover(plan->environment);
}

static void plan_done(Job *job)
{
        PlanJob *plan = container_of(job, PlanJob, job);

        plan->done(plan);
        plan_free(plan);
}

static void plan_drop(Job *job)
{
        plan_free(container_of(job, PlanJob, job));
}

PlanJob *plan_job_new(Environment *environment, void (*done)(PlanJob *job), void *userdata)
{
        PlanJob *plan = calloc(1, sizeof(PlanJob));

        if (!plan)
                return NULL;
        *plan = (PlanJob){
                .job = {.run = plan_run, .done = plan_done, .drop = plan_drop},
                .environment = environment,
                .done = done,
                .userdata = userdata,
        };
        STAILQ_INIT(&plan->queue);
        STAILQ_INIT(&plan->planned);
        STAILQ_INIT(&plan->failed);
        return plan;
}

/* Apply */

static void apply_clear_news(ApplyJob *apply)
{
        for (size_t i = 0; i < apply->n_news; i++)
                replica_news_clear(&apply->news[i]);
        free(TAKE_PTR(apply->news));
        apply->n_news = 0;
}

static void apply_free(ApplyJob *apply)
{
        apply_clear_news(apply);
        update_queue_clear(&apply->updates);
        free(apply);
}

static int apply_event(ApplyJob *apply, Txn *txn, const Update *update, const LogEvent *event)
{
        ReplicaNews *news = reallocarray(apply->news, apply->n_news + 1, sizeof(ReplicaNews));
        int r;

        if (!news)
                return -ENOMEM;
        apply->news = news;
        news += apply->n_news;
        *news = (ReplicaNews){};
        r = replica_apply(txn, update->revision, event, news);
        if (r < 0)
                return r;
        if (!update->is_own && news->added.n_links + news->removed.n_links > 0)
                apply->n_news++;
        else
                replica_news_clear(news);
        return 0;
}

static int apply_updates(ApplyJob *apply)
{
        _cleanup_(txn_end) Txn txn = {};
        const Update *update;
        int r;

        apply_clear_news(apply);
        r = environment_begin_write(apply->environment, &txn);
        STAILQ_FOREACH(update, &apply->updates, entry) {
                for (size_t i = 0; r == 0 && i < update->n_events; i++)
                        r = apply_event(apply, &txn, update, &update->events[i]);
                apply->revision = update->revision;
        }
        if (r == 0)
                r = replica_put_revision(&txn, apply->revision);
        return r < 0 ? r : txn_commit(&txn);
}

/* The updates are in the shared log, whether there is room for them here or not. */
static int make_room(Environment *environment)
{
        int r;

        r = environment_grow(environment);
        if (r == -ENOSPC || r == -EDQUOT)
                r = environment_use_reserve(environment);
        return r == -EXFULL ? -ENOSPC : r;
}

static void apply_run(Job *job)
{
        ApplyJob *apply = container_of(job, ApplyJob, job);
        const struct timespec pause = {.tv_nsec = 500 * 1000 * 1000};

        do {
                apply->r = apply_updates(apply);
        } while (apply->r == -EXFULL && (apply->r = make_room(apply->environment)) == 0);
        if (apply->r == 0)
                return;
        log_at(apply->level, "Failed to apply changes of the shared store: %s; retrying",
               strerror(-apply->r));
        (void) environment_recover(apply->environment);
        (void) nanosleep(&pause, NULL);
}

static void apply_done(Job *job)
{
        ApplyJob *apply = container_of(job, ApplyJob, job);

        apply->done(apply);
        apply_free(apply);
}

static void apply_drop(Job *job)
{
        apply_free(container_of(job, ApplyJob, job));
}

ApplyJob *apply_job_new(Environment *environment, void (*done)(ApplyJob *job), void *userdata)
{
        ApplyJob *apply = calloc(1, sizeof(ApplyJob));

        if (!apply)
                return NULL;
        *apply = (ApplyJob){
                .job = {.run = apply_run, .done = apply_done, .drop = apply_drop},
                .environment = environment,
                .done = done,
                .userdata = userdata,
        };
        STAILQ_INIT(&apply->updates);
        return apply;
}

/* Load */

static void page_run(Job *job)
{
        PageJob *page = container_of(job, PageJob, job);
        const Update *update = page->page;

        page->r = replica_load_add(page->load, update->revision, update->events, update->n_events);
        if (page->r == 0 && page->is_last)
                page->r = replica_load_complete(page->load, &page->position);
        if (page->r == 0 && page->is_last && !page->kept_beside)
                page->r = replica_load_end(page->load);
}

static void page_drop(Job *job)
{
        PageJob *page = container_of(job, PageJob, job);

        update_free(page->page);
        free(page);
}

static void page_done(Job *job)
{
        PageJob *page = container_of(job, PageJob, job);

        page->done(page);
        page_drop(job);
}

PageJob *page_job_new(ReplicaLoad *load, Update *page, void (*done)(PageJob *job), void *userdata)
{
        PageJob *job = page ? calloc(1, sizeof(PageJob)) : NULL;

        if (!job) {
                update_free(page);
                return NULL;
        }
        *job = (PageJob){
                .job = {.run = page_run, .done = page_done, .drop = page_drop},
                .load = load,
                .done = done,
                .userdata = userdata,
                .page = page,
        };
        return job;
}

/* Alone */

static void alone_run(Job *job)
{
        AloneJob *alone = container_of(job, AloneJob, job);

        alone->options.first_id = &alone->first_id;
        alone->options.last_id = &alone->last_id;
        alone->r = outbox_make(alone->environment, &alone->options, &alone->queue);
        if (alone->r == 0)
                alone->r = outbox_count(alone->environment, &alone->n_outbox);
}

static void alone_drop(Job *job)
{
        AloneJob *alone = container_of(job, AloneJob, job);

        change_queue_clear(&alone->queue);
        free(alone);
}

static void alone_done(Job *job)
{
        AloneJob *alone = container_of(job, AloneJob, job);

        alone->done(alone);
        alone_drop(job);
}

AloneJob *alone_job_new(Environment *environment, void (*done)(AloneJob *job), void *userdata)
{
        AloneJob *alone = calloc(1, sizeof(AloneJob));

        if (!alone)
                return NULL;
        *alone = (AloneJob){
                .job = {.run = alone_run, .done = alone_done, .drop = alone_drop},
                .environment = environment,
                .done = done,
                .userdata = userdata,
        };
        STAILQ_INIT(&alone->queue);
        return alone;
}

/* Outbox */

static void outbox_run(Job *job)
{
        OutboxJob *outbox = container_of(job, OutboxJob, job);

        outbox->r = outbox->settled
                            ? outbox_settle(outbox->environment, outbox->batch.ids, outbox->settled,
                                            outbox->n_settled, &outbox->result)
                            : outbox_collect(outbox->environment, &outbox->batch);
        if (outbox->r == 0)
                outbox->r = outbox_count(outbox->environment, &outbox->n_outbox);
}

static void outbox_drop(Job *job)
{
        OutboxJob *outbox = container_of(job, OutboxJob, job);

        log_batch_clear(&outbox->batch.batch);
        free(outbox->settled);
        free(outbox);
}

static void outbox_done(Job *job)
{
        OutboxJob *outbox = container_of(job, OutboxJob, job);

        outbox->done(outbox);
        outbox_drop(job);
}

OutboxJob *outbox_job_new(Environment *environment, void (*done)(OutboxJob *job), void *userdata)
{
        OutboxJob *outbox = calloc(1, sizeof(OutboxJob));

        if (!outbox)
                return NULL;
        *outbox = (OutboxJob){
                .job = {.run = outbox_run, .done = outbox_done, .drop = outbox_drop},
                .environment = environment,
                .done = done,
                .userdata = userdata,
        };
        return outbox;
}

/* Barrier */

static void barrier_run(Job *job _unused_)
{
}

static void barrier_drop(Job *job)
{
        BarrierJob *barrier = container_of(job, BarrierJob, job);

        change_free(barrier->change);
        free(barrier);
}

static void barrier_done(Job *job)
{
        BarrierJob *barrier = container_of(job, BarrierJob, job);

        barrier->done(barrier);
        barrier_drop(job);
}

BarrierJob *barrier_job_new(StoreChange *change, void (*done)(BarrierJob *job), void *userdata)
{
        BarrierJob *barrier = calloc(1, sizeof(BarrierJob));

        if (!barrier)
                return NULL;
        *barrier = (BarrierJob){
                .job = {.run = barrier_run, .done = barrier_done, .drop = barrier_drop},
                .done = done,
                .userdata = userdata,
                .change = change,
        };
        return barrier;
}

/* Release */

static void release_run(Job *job)
{
        environment_release_memory(container_of(job, ReleaseJob, job)->environment);
        (void) malloc_trim(0);
}

static void release_drop(Job *job)
{
        free(container_of(job, ReleaseJob, job));
}

ReleaseJob *release_job_new(Environment *environment)
{
        ReleaseJob *release = calloc(1, sizeof(ReleaseJob));

        if (!release)
                return NULL;
        *release = (ReleaseJob){
                .job = {.run = release_run, .done = release_drop, .drop = release_drop},
                .environment = environment,
        };
        return release;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Follows the shared log with the replica. */

#include "base/clock.h"
#include "base/log.h"
#include "daemon/store/engines/engine-shared-internal.h"

static void report_news(const EngineShared *shared, const ApplyJob *job)
{
        for (size_t i = 0; shared->options.changed && i < job->n_news; i++)
                shared->options.changed(&job->news[i], shared->options.userdata);
}

static void on_applied(ApplyJob *job)
{
        EngineShared *shared = job->userdata;

        shared->applying = false;
        if (shared->apply_error != 0)
                shared->outbox_waits = false;
        shared->apply_error = job->r;
        if (job->r < 0) { /* try again, with what has arrived since */
                STAILQ_CONCAT(&job->updates, &shared->arrived);
                STAILQ_CONCAT(&shared->arrived, &job->updates);
        } else {
                shared->revision = job->revision;
                shared->late_at_ms = STAILQ_EMPTY(&shared->arrived) ? 0 : shared->applying_at_ms;
                report_news(shared, job);
                confirmations_reach(&shared->confirmations, shared->revision);
        }
        engine_shared_apply(shared);
        engine_shared_finish_batch(shared);
        engine_shared_pump(shared);
}

void engine_shared_apply(EngineShared *shared)
{
        ApplyJob *job;

        if (shared->mode == SHARED_PAUSED || shared->applying || shared->load ||
            STAILQ_EMPTY(&shared->arrived))
                return;
        job = apply_job_new(shared->options.environment, on_applied, shared);
        if (!job)
                return; /* with the next update */
        STAILQ_CONCAT(&job->updates, &shared->arrived);
        job->level = shared->apply_error != 0 ? LOG_DEBUG : LOG_ERR;
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
                (void) engine_shared_load(shared);
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
        engine_shared_apply(shared);
}

static void on_reachable(bool is_reachable, void *userdata)
{
        EngineShared *shared = userdata;

        shared->knows_reachable = true;
        shared->reachable = is_reachable;
        shared->outbox_waits = false;
        engine_shared_pump(shared);
}

static void on_lost(void *userdata)
{
        (void) engine_shared_load(userdata);
}

static void on_away(unsigned host, void *userdata)
{
        const EngineShared *shared = userdata;

        if (shared->options.away)
                shared->options.away(host, shared->options.userdata);
}

int engine_shared_follow(EngineShared *shared)
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

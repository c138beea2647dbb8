/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Follows the shared log with the replica. */

#include "base/clock.h"
#include "base/log.h"
#include "daemon/store/engines/engine-shared-internal.h"

/* Revisions that wait for a replica that cannot be written: with more, it is loaded anew. */
#define ARRIVED_MAX 100000U

static void report_news(const EngineShared *shared, const ApplyJob *job)
{
        /* The snapshot is not what the watchers know. */
        if (shared->restore.is_pushing)
                return;
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
                shared->n_arrived = 0;
                report_news(shared, job);
                if (!shared->restore.is_pushing) /* look-ups read the replica beside */
                        confirmations_reach(&shared->confirmations, shared->revision);
        }
        engine_shared_apply(shared);
        engine_shared_finish_batch(shared);
        engine_shared_pump(shared);
}

/* Not while a snapshot is being loaded. */
static bool can_apply(const EngineShared *shared)
{
        return shared->mode != SHARED_PAUSED && shared->history.is_checked &&
               (!shared->load || shared->restore.is_pushing) && !shared->restore.is_ending;
}

void engine_shared_apply(EngineShared *shared)
{
        ApplyJob *job;

        if (shared->applying || !can_apply(shared) || STAILQ_EMPTY(&shared->arrived))
                return;
        job = apply_job_new(engine_shared_environment(shared), on_applied, shared);
        if (!job)
                return; /* with the next update */
        STAILQ_CONCAT(&job->updates, &shared->arrived);
        job->level = shared->apply_error != 0 ? LOG_DEBUG : LOG_ERR;
        shared->applying = true;
        shared->applying_at_ms = monotonic_ms();
        worker_queue(shared->worker, &job->job);
}

static void on_lost(void *userdata)
{
        EngineShared *shared = userdata;

        shared->is_following = false;
        shared->history.needs_load = true;
        engine_shared_check_history(shared);
}

static void on_changed(uint64_t revision, const LogEvent *events, size_t n_events, bool is_own,
                       void *userdata)
{
        EngineShared *shared = userdata;
        Update *update;

        if (!shared->is_following || revision + shared->offset <= shared->revision)
                return;
        update = ++shared->n_arrived <= ARRIVED_MAX
                         ? update_new(revision, shared->offset, events, n_events)
                         : NULL;
        if (!update) {
                update_queue_clear(&shared->arrived);
                shared->n_arrived = 0;
                on_lost(shared);
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
        engine_shared_see_history(shared, events, n_events, is_own);
        engine_shared_apply(shared);
}

static void on_reachable(bool is_reachable, void *userdata)
{
        EngineShared *shared = userdata;
        bool was_away = shared->knows_reachable && !shared->reachable;

        shared->knows_reachable = true;
        shared->reachable = is_reachable;
        shared->outbox_waits = false;
        shared->history.waits = false;
        /* Meanwhile, a backup may have been restored. */
        if (is_reachable && was_away && !shared->history.is_checking)
                engine_shared_check_history(shared);
        engine_shared_pump(shared);
}

static void on_away(unsigned host, void *userdata)
{
        const EngineShared *shared = userdata;

        if (shared->options.away)
                shared->options.away(host, shared->options.userdata);
}

static int follow(EngineShared *shared, uint64_t revision)
{
        const LogFollower follower = {
                .changed = on_changed,
                .lost = on_lost,
                .reachable = on_reachable,
                .away = on_away,
                .userdata = shared,
        };

        return shared->log->class->follow(shared->log, revision, &follower);
}

int engine_shared_watch_reachable(EngineShared *shared)
{
        return follow(shared, 0);
}

int engine_shared_follow(EngineShared *shared)
{
        shared->is_following = true;
        return follow(shared, shared->revision - shared->offset);
}

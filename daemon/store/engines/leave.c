/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/strv.h"
#include "daemon/audit/audit.h"
#include "daemon/store/changes/change-leave.h"
#include "daemon/store/engines/engine-shared.h"
#include "daemon/store/engines/leave-files.h"
#include "daemon/store/engines/leave.h"
#include "daemon/store/engines/worker.h"
#include "daemon/store/shared/own-store.h"
#include "daemon/store/shared/replica-load.h"
#include "daemon/store/tables/tenancy-table.h"
#include "dbus/error.h"

struct Leave {
        Job job; /* the one in flight */
        Engine *engine;
        LeaveFiles *files;
        LeaveFunc func;
        void *userdata;
        bool has_left;
        AuditOrigin origin;

        OwnStoreOptions options;
        StoreLeave result;
        char **tenancy_ids; /* with exchanges to hand over */
        size_t tenancy;
        int job_r;
};

static Environment *environment_of(Engine *engine)
{
        return engine_shared_options(engine)->environment;
}

static SharedLog *log_of(Engine *engine)
{
        return engine_shared_options(engine)->log;
}

/* Counts */

static int read_counts(Engine *engine, const OwnStoreOptions *options, StoreLeave *ret)
{
        _cleanup_(txn_end) Txn txn = {};
        OwnStoreCounts counts;
        int r;

        r = environment_begin_read(environment_of(engine), &txn);
        if (r == 0)
                r = own_store_count(&txn, options, &counts);
        if (r < 0)
                return r;
        *ret = (StoreLeave){.links = counts.links,
                            .exchanges = counts.exchanges,
                            .deletes = counts.deletes,
                            .left = counts.left,
                            .unshared = counts.unshared,
                            .is_current = !options->is_away,
                            .host_number = options->host};
        return 0;
}

/* Returns 0, or why this host cannot leave now. */
static int check(Engine *engine)
{
        Leave *leave = *engine_shared_leave(engine);

        if (engine_shared_mode(engine) != SHARED_OPEN)
                return leave && !leave->has_left ? ERROR_STORE_FAILED : ERROR_NOT_CONFIGURED;
        if (engine->class->is_readable(engine) != 0 || engine_shared_is_loading(engine))
                return ERROR_STORE_FAILED;
        return 0;
}

int leave_preview(Engine *engine, StoreLeave *ret)
{
        OwnStoreOptions options = {.host = log_of(engine)->class->host(log_of(engine)),
                                   .is_away = !engine_shared_is_reachable(engine)};
        int r;

        r = check(engine);
        return r == 0 ? read_counts(engine, &options, ret) : r;
}

/* Ends */

static void report(Leave *leave, int r)
{
        LeaveFunc func = leave->func;

        leave->func = NULL;
        if (func)
                func(r, &leave->result, leave->userdata);
}

static void fail(Leave *leave, int r)
{
        Leave **owned = engine_shared_leave(leave->engine);

        log_error("Failed to leave the shared store: %s",
                  r < 0 ? strerror(-r) : "its changes could not be completed");
        engine_shared_set_mode(leave->engine, SHARED_OPEN);
        report(leave, store_error_from_errno(r));
        *owned = leave_free(leave);
}

static void end(Leave *leave, bool is_told)
{
        leave->result.is_told = is_told;
        report(leave, 0);
}

/* Jobs of the worker */

static void drop_job(Job *job _unused_)
{
}

static void queue_job(Leave *leave, void (*run)(Job *job), void (*done)(Job *job))
{
        leave->job = (Job){.run = run, .done = done, .drop = drop_job};
        engine_shared_queue_job(leave->engine, &leave->job);
}

/* 5. The log forgets this host. */

static void on_told(int r, void *userdata)
{
        end(userdata, r == 0);
}

static void tell(Leave *leave)
{
        SharedLog *log = log_of(leave->engine);

        if (leave->options.is_away || log->class->leave(log, on_told, leave) < 0)
                end(leave, false);
}

/* 4. The copy replaces the own store. */

static void run_install(Job *job)
{
        Leave *leave = container_of(job, Leave, job);

        leave->job_r = leave_files_install(leave->files, &leave->result.kept);
}

static void on_installed(Job *job)
{
        Leave *leave = container_of(job, Leave, job);

        if (leave->job_r < 0) {
                fail(leave, leave->job_r);
                return;
        }
        leave->has_left = true;
        engine_shared_set_mode(leave->engine, SHARED_LEFT);
        audit(EVENT_STORE_LEFT, .origin = &leave->origin,
              .text = "changes fail until passlockd is started with Engine=local",
              .counts = {{FIELD_COUNT, leave->result.links}});
        tell(leave);
}

/* 3. The open exchanges of this host are removed from the log. */

static void hand_over_next(Leave *leave);

static void on_handed_over(int r, void *userdata)
{
        Leave *leave = userdata;

        if (r != 0)
                fail(leave, r);
        else
                hand_over_next(leave);
}

static void hand_over_next(Leave *leave)
{
        const char *id = leave->tenancy_ids ? leave->tenancy_ids[leave->tenancy] : NULL;
        StoreChange *change;
        int r;

        if (!id) {
                queue_job(leave, run_install, on_installed);
                return;
        }
        leave->tenancy++;
        r = change_new_hand_over(id, on_handed_over, leave, &change);
        if (r < 0)
                fail(leave, r);
        else
                leave->engine->class->queue(leave->engine, change);
}

static void hand_over(Leave *leave)
{
        _cleanup_(txn_end) Txn txn = {};
        int r = 0;

        engine_shared_set_mode(leave->engine, leave->options.is_away ? SHARED_LEFT : SHARED_CLOSED);
        if (!leave->options.is_away && leave->result.exchanges > 0) {
                r = environment_begin_read(environment_of(leave->engine), &txn);
                if (r == 0)
                        r = tenancy_table_list(&txn, &leave->tenancy_ids);
                txn_end(&txn);
                txn = (Txn){};
        }
        if (r < 0)
                fail(leave, r);
        else
                hand_over_next(leave);
}

/* 2. The replica is copied. */

static void run_copy(Job *job)
{
        Leave *leave = container_of(job, Leave, job);

        leave->job_r =
                leave_files_copy(leave->files, environment_of(leave->engine), &leave->options);
}

static void on_copied(Job *job)
{
        Leave *leave = container_of(job, Leave, job);

        if (leave->job_r < 0)
                fail(leave, leave->job_r);
        else if (leave->job_r > 0)
                queue_job(leave, run_copy, on_copied);
        else
                hand_over(leave);
}

/* 1. Changes in flight are completed. */

static int catch_up(Leave *leave);

/* Whether the replica may lack changes that were acknowledged, although the log can be reached. A
 * full log can be read, but not changed: the host leaves as if it were away. */
static bool is_incomplete(const Leave *leave, int r)
{
        return engine_shared_apply_error(leave->engine) < 0 ||
               (r > 0 && r != ERROR_STORE_FULL && engine_shared_is_reachable(leave->engine));
}

static void on_caught_up(int r, void *userdata)
{
        Leave *leave = userdata;

        if (r >= 0 && is_incomplete(leave, r)) {
                fail(leave, engine_shared_apply_error(leave->engine) ?: r);
                return;
        }
        leave->options.is_away = r > 0;
        leave->options.host = log_of(leave->engine)->class->host(log_of(leave->engine));
        if (r >= 0 && engine_shared_is_busy(leave->engine)) {
                r = catch_up(leave);
                if (r == 0)
                        return;
        }
        if (r >= 0 && engine_shared_is_loading(leave->engine))
                r = -EBUSY;
        if (r >= 0)
                r = read_counts(leave->engine, &leave->options, &leave->result);
        if (r < 0) {
                fail(leave, r);
                return;
        }
        engine_shared_set_mode(leave->engine, SHARED_PAUSED);
        queue_job(leave, run_copy, on_copied);
}

static int catch_up(Leave *leave)
{
        StoreChange *change;
        int r;

        r = change_new_catch_up(on_caught_up, leave, &change);
        if (r == 0)
                leave->engine->class->queue(leave->engine, change);
        return r;
}

/* The leave */

int leave_start(Engine *engine, const LeaveOptions *options, LeaveFunc func, void *userdata,
                Leave **ret)
{
        Leave *leave, **owned = engine_shared_leave(engine);
        int r;

        r = check(engine);
        if (r != 0)
                return r;
        leave = calloc(1, sizeof(Leave));
        if (!leave)
                return -ENOMEM;
        leave->engine = engine;
        leave->func = func;
        leave->userdata = userdata;
        if (options->origin)
                leave->origin = *options->origin;
        r = leave_files_new(options, environment_directory(environment_of(engine)), &leave->files);
        if (r == 0)
                r = catch_up(leave);
        if (r < 0) {
                leave_free(leave);
                return r;
        }
        engine_shared_set_mode(engine, SHARED_CLOSED);
        *owned = leave;
        *ret = leave;
        return 0;
}

Leave *leave_forget(Leave *leave)
{
        if (leave)
                leave->func = NULL;
        return NULL;
}

Leave *leave_free(Leave *leave)
{
        if (!leave)
                return NULL;
        leave_files_free(leave->files);
        strv_free(leave->tenancy_ids);
        free(leave);
        return NULL;
}

int leave_remove_replica(const char *directory)
{
        return replica_remove(directory);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "base/log.h"
#include "daemon/store/engines/engine-local.h"
#include "daemon/store/lmdb/store-failure.h"
#include "daemon/store/tables/meta-table.h"
#include "dbus/error.h"

/* Maximum of links changed per transaction, plus one user's links: bounds the latency of later
 * changes. */
#define BATCH_MAX 1000U

typedef struct EngineLocal {
        Engine engine;
        Environment *environment;
        pthread_t thread;
        int event_fd;

        pthread_mutex_t lock; /* protects the following */
        pthread_cond_t wake;
        ChangeQueue queued;
        ChangeQueue ended;
        bool stopping;
        bool releasing; /* release cached memory */

        /* Used by the writer thread only. */
        ChangeQueue taken;
        size_t n_largest; /* links changed by the largest transaction since memory was released */
        StoreFailure last_failure;
} EngineLocal;

/* Applies the taken changes in one transaction, a dry run in one of its own that is aborted. *ret_n
 * is the number of applied changes, also on failure. */
static int apply_batch(EngineLocal *local, size_t max, size_t *ret_n)
{
        _cleanup_(txn_end) Txn txn = {};
        size_t weight = 0;
        int r;

        assert(STAILQ_FIRST(&local->taken));
        *ret_n = 1;
        r = environment_begin_write(local->environment, &txn);
        if (r < 0)
                return r;

        *ret_n = 0;
        for (StoreChange *c = STAILQ_FIRST(&local->taken); c && weight < max;
             c = STAILQ_NEXT(c, entry)) {
                bool dry = c->dry_run;

                if (dry && *ret_n > 0)
                        break;
                (*ret_n)++;
                r = change_apply(c, &txn);
                weight += change_weight(c);
                if (weight > local->n_largest)
                        local->n_largest = weight;
                if (r < 0 || dry)
                        return r;
        }
        return txn_commit(&txn);
}

/* Links removed per transaction when only the reserve is left: the changed pages must fit into a
 * fraction of it. */
#define STEP_LINKS 16U

/* Grows the map until the batch fits. If the map cannot grow, returns the errno. */
static int commit_batch_growing(EngineLocal *local, size_t max, size_t *ret_n)
{
        int r;

        do {
                r = environment_grow(local->environment);
                if (r < 0)
                        return r;
                r = apply_batch(local, max, ret_n);
        } while (r == -EXFULL);
        return r;
}

/* Commits one change in several transactions. LMDB reuses freed pages two transactions later. */
static int commit_in_steps(EngineLocal *local)
{
        StoreChange *change = STAILQ_FIRST(&local->taken);
        size_t n;
        int r;

        change->limit = STEP_LINKS;
        do {
                r = apply_batch(local, 1, &n);
                if (r == -EXFULL && environment_use_reserve(local->environment) >= 0)
                        r = apply_batch(local, 1, &n);
                if (r >= 0)
                        change_keep_step(change);
        } while (r >= 0 && change->unfinished);
        change->limit = 0;
        return r == -EXFULL ? -ENOSPC : r;
}

static int commit_batch(EngineLocal *local, size_t max, size_t *ret_n)
{
        int r;

        r = apply_batch(local, max, ret_n);
        if (r == -EXFULL)
                r = commit_batch_growing(local, max, ret_n);
        if (store_error_from_errno(r) == ERROR_STORE_FULL && *ret_n == 1 &&
            STAILQ_FIRST(&local->taken)->kind->uses_reserve)
                r = commit_in_steps(local);
        return r;
}

/* Retries once after reopening the environment. */
static int commit_batch_reopening(EngineLocal *local, size_t max, size_t *ret_n)
{
        int r, recovered;

        r = commit_batch(local, max, ret_n);
        if (r >= 0)
                return r;
        recovered = environment_recover(local->environment);
        if (recovered <= 0)
                return recovered < 0 && r == -ENOTRECOVERABLE ? recovered : r;
        r = commit_batch(local, max, ret_n);
        if (r < 0)
                (void) environment_recover(local->environment);
        return r;
}

/* Completes the first `n` taken changes, at most all. */
static void complete_changes(EngineLocal *local, size_t n, int r)
{
        ChangeQueue ended;

        STAILQ_INIT(&ended);
        if (r < 0)
                store_failure_record(&local->last_failure, r);
        for (; n > 0 && STAILQ_FIRST(&local->taken); n--) {
                StoreChange *change = change_queue_pop(&local->taken);

                if (r < 0)
                        change_fail(change, store_error_from_errno(r));
                STAILQ_INSERT_TAIL(&ended, change, entry);
        }

        pthread_mutex_lock(&local->lock);
        STAILQ_CONCAT(&local->ended, &ended);
        pthread_mutex_unlock(&local->lock);
        (void) eventfd_write(local->event_fd, 1);
}

/* Without a full reserve, only changes that may use it are accepted. */
static bool first_must_be_refused(EngineLocal *local)
{
        return !STAILQ_FIRST(&local->taken)->kind->uses_reserve &&
               environment_error(local->environment) == 0 &&
               !environment_has_reserve(local->environment) &&
               !environment_has_room(local->environment);
}

static void commit_single(EngineLocal *local)
{
        size_t n = 1;
        int r;

        r = first_must_be_refused(local) ? -ENOSPC : commit_batch_reopening(local, 1, &n);
        complete_changes(local, n, r);
}

/* Reopens a closed store once for all waiting changes. */
static bool reopen_store(EngineLocal *local)
{
        int r;

        if (environment_error(local->environment) == 0)
                return true;
        r = environment_recover(local->environment);
        if (r < 0)
                complete_changes(local, SIZE_MAX, r);
        return r >= 0;
}

static void commit_taken(EngineLocal *local)
{
        size_t n;
        int r;

        if (!reopen_store(local))
                return;
        if (!environment_has_reserve(local->environment)) {
                commit_single(local);
                return;
        }
        r = commit_batch_reopening(local, BATCH_MAX, &n);
        if (r >= 0 || n == 1) {
                complete_changes(local, n, r);
                return;
        }
        /* Isolate the failing change: retry one by one. */
        for (; n > 0; n--)
                commit_single(local);
}

/* Changed links of a transaction whose memory may stay. */
#define SMALL_TRANSACTION 16U

static void release_memory(EngineLocal *local)
{
        if (local->n_largest > SMALL_TRANSACTION)
                environment_release_memory(local->environment);
        local->n_largest = 0;
        (void) malloc_trim(0);
}

/* Waits for changes. Returns false when stopping with an empty queue. */
static bool wait_for_changes(EngineLocal *local)
{
        bool releasing;

        do {
                pthread_mutex_lock(&local->lock);
                while (!STAILQ_FIRST(&local->taken) && !STAILQ_FIRST(&local->queued) &&
                       !local->releasing && !local->stopping)
                        pthread_cond_wait(&local->wake, &local->lock);
                STAILQ_CONCAT(&local->taken, &local->queued);
                releasing = TAKE(local->releasing, false) && !STAILQ_FIRST(&local->taken);
                pthread_mutex_unlock(&local->lock);
                if (releasing)
                        release_memory(local);
        } while (releasing);
        return STAILQ_FIRST(&local->taken);
}

/* Saves the store's clock, which otherwise continues from the latest record at the next start. */
static void save_clock(EngineLocal *local)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        if (environment_error(local->environment) < 0 ||
            !environment_has_reserve(local->environment))
                return;
        r = environment_begin_write(local->environment, &txn);
        if (r == 0)
                r = meta_table_put_time(&txn, META_CLOCK, store_clock_now_ms(txn.clock));
        if (r == 0)
                (void) txn_commit(&txn);
}

static void *run_writer(void *userdata)
{
        EngineLocal *local = userdata;

        while (wait_for_changes(local))
                commit_taken(local);
        save_clock(local);
        return NULL;
}

/* Signals belong to the event loop's thread. */
static int start_writer(EngineLocal *local)
{
        sigset_t all, old;
        int r;

        sigfillset(&all);
        r = pthread_sigmask(SIG_SETMASK, &all, &old);
        if (r != 0)
                return -r;
        r = pthread_create(&local->thread, NULL, run_writer, local);
        (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
        return log_errno_origin(-r);
}

static EngineLocal *local_destroy(EngineLocal *local)
{
        closep(&local->event_fd);
        pthread_cond_destroy(&local->wake);
        pthread_mutex_destroy(&local->lock);
        change_queue_clear(&local->ended);
        free(local);
        return NULL;
}
DEFINE_CLEANUP(EngineLocal *, local_destroy);

static Engine *local_free(Engine *engine)
{
        EngineLocal *local = (EngineLocal *) engine;

        pthread_mutex_lock(&local->lock);
        local->stopping = true;
        pthread_cond_signal(&local->wake);
        pthread_mutex_unlock(&local->lock);
        pthread_join(local->thread, NULL);
        local_destroy(local);
        return NULL;
}

static void local_queue(Engine *engine, StoreChange *change)
{
        EngineLocal *local = (EngineLocal *) engine;

        pthread_mutex_lock(&local->lock);
        assert(!local->stopping);
        STAILQ_INSERT_TAIL(&local->queued, change, entry);
        pthread_cond_signal(&local->wake);
        pthread_mutex_unlock(&local->lock);
}

static int local_get_fd(Engine *engine)
{
        return ((EngineLocal *) engine)->event_fd;
}

static void local_collect(Engine *engine, ChangeQueue *ended)
{
        EngineLocal *local = (EngineLocal *) engine;
        eventfd_t count;

        /* Clear the eventfd before taking the queue: a change in between then causes a spurious
         * wake-up, not a lost one. */
        (void) eventfd_read(local->event_fd, &count);
        pthread_mutex_lock(&local->lock);
        STAILQ_CONCAT(ended, &local->ended);
        pthread_mutex_unlock(&local->lock);
}

static void local_release_memory(Engine *engine)
{
        EngineLocal *local = (EngineLocal *) engine;

        pthread_mutex_lock(&local->lock);
        local->releasing = true;
        pthread_cond_signal(&local->wake);
        pthread_mutex_unlock(&local->lock);
}

static const EngineClass local_class = {
        .free = local_free,
        .queue = local_queue,
        .get_fd = local_get_fd,
        .collect = local_collect,
        .release_memory = local_release_memory,
};

int engine_local_new(Environment *environment, Engine **ret)
{
        _cleanup_(local_destroyp) EngineLocal *local = calloc(1, sizeof(EngineLocal));
        int r;

        if (!local)
                return -ENOMEM;
        local->engine.class = &local_class;
        local->environment = environment;
        STAILQ_INIT(&local->queued);
        STAILQ_INIT(&local->ended);
        STAILQ_INIT(&local->taken);
        pthread_mutex_init(&local->lock, NULL);
        pthread_cond_init(&local->wake, NULL);
        local->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (local->event_fd < 0)
                return log_errno_origin(-errno);
        r = start_writer(local);
        if (r < 0)
                return r;
        *ret = &TAKE_PTR(local)->engine;
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "base/log.h"
#include "daemon/store/meta-table.h"
#include "daemon/store/store-failure.h"
#include "daemon/store/writer.h"
#include "dbus/error.h"

/* Maximum of links changed per transaction, plus one user's links: bounds the latency of later
 * changes. */
#define BATCH_MAX 1000U

struct Writer {
        Environment *environment;
        pthread_t thread;
        int event_fd;

        pthread_mutex_t lock; /* protects the following */
        pthread_cond_t wake;
        ChangeQueue queued;
        ChangeQueue ended;
        bool stopping;

        /* Used by the writer thread only. */
        ChangeQueue taken;
        StoreFailure last_failure;
};

/* Applies the taken changes in one transaction, a dry run in one of its own that is aborted. *ret_n
 * is the number of applied changes, also on failure. */
static int apply_batch(Writer *writer, size_t max, size_t *ret_n)
{
        _cleanup_(txn_end) Txn txn = {};
        size_t weight = 0;
        int r;

        assert(STAILQ_FIRST(&writer->taken));
        *ret_n = 1;
        r = environment_begin_write(writer->environment, &txn);
        if (r < 0)
                return r;

        *ret_n = 0;
        for (StoreChange *c = STAILQ_FIRST(&writer->taken); c && weight < max;
             c = STAILQ_NEXT(c, entry)) {
                bool dry = c->dry_run;

                if (dry && *ret_n > 0)
                        break;
                (*ret_n)++;
                r = change_apply(c, &txn);
                if (r < 0 || dry)
                        return r;
                weight += change_weight(c);
        }
        return txn_commit(&txn);
}

/* Links removed per transaction when only the reserve is left: the changed pages must fit into a
 * fraction of it. */
#define STEP_LINKS 16U

/* Grows the map until the batch fits. If the map cannot grow, returns the errno. */
static int commit_batch_growing(Writer *writer, size_t max, size_t *ret_n)
{
        int r;

        do {
                r = environment_grow(writer->environment);
                if (r < 0)
                        return r;
                r = apply_batch(writer, max, ret_n);
        } while (r == -EXFULL);
        return r;
}

/* Commits one change in several transactions. LMDB reuses freed pages two transactions later. */
static int commit_in_steps(Writer *writer)
{
        StoreChange *change = STAILQ_FIRST(&writer->taken);
        size_t n;
        int r;

        change->limit = STEP_LINKS;
        do {
                r = apply_batch(writer, 1, &n);
                if (r == -EXFULL && environment_use_reserve(writer->environment) >= 0)
                        r = apply_batch(writer, 1, &n);
                if (r >= 0)
                        change_keep_step(change);
        } while (r >= 0 && change->unfinished);
        change->limit = 0;
        return r == -EXFULL ? -ENOSPC : r;
}

static int commit_batch(Writer *writer, size_t max, size_t *ret_n)
{
        int r;

        r = apply_batch(writer, max, ret_n);
        if (r == -EXFULL)
                r = commit_batch_growing(writer, max, ret_n);
        if (store_error_from_errno(r) == ERROR_STORE_FULL && *ret_n == 1 &&
            STAILQ_FIRST(&writer->taken)->kind->uses_reserve)
                r = commit_in_steps(writer);
        return r;
}

/* Retries once after reopening the environment. */
static int commit_batch_reopening(Writer *writer, size_t max, size_t *ret_n)
{
        int r, recovered;

        r = commit_batch(writer, max, ret_n);
        if (r >= 0)
                return r;
        recovered = environment_recover(writer->environment);
        if (recovered <= 0)
                return recovered < 0 && r == -ENOTRECOVERABLE ? recovered : r;
        r = commit_batch(writer, max, ret_n);
        if (r < 0)
                (void) environment_recover(writer->environment);
        return r;
}

/* Completes the first `n` taken changes, at most all. */
static void complete_changes(Writer *writer, size_t n, int r)
{
        ChangeQueue ended;

        STAILQ_INIT(&ended);
        if (r < 0)
                store_failure_record(&writer->last_failure, r);
        for (; n > 0 && STAILQ_FIRST(&writer->taken); n--) {
                StoreChange *change = change_queue_pop(&writer->taken);

                if (r < 0)
                        change_fail(change, store_error_from_errno(r));
                STAILQ_INSERT_TAIL(&ended, change, entry);
        }

        pthread_mutex_lock(&writer->lock);
        STAILQ_CONCAT(&writer->ended, &ended);
        pthread_mutex_unlock(&writer->lock);
        (void) eventfd_write(writer->event_fd, 1);
}

/* Without a full reserve, only changes that may use it are accepted. */
static bool first_must_be_refused(Writer *writer)
{
        return !STAILQ_FIRST(&writer->taken)->kind->uses_reserve &&
               environment_error(writer->environment) == 0 &&
               !environment_has_reserve(writer->environment) &&
               !environment_has_room(writer->environment);
}

static void commit_single(Writer *writer)
{
        size_t n = 1;
        int r;

        r = first_must_be_refused(writer) ? -ENOSPC : commit_batch_reopening(writer, 1, &n);
        complete_changes(writer, n, r);
}

/* Reopens a closed store once for all waiting changes. */
static bool reopen_store(Writer *writer)
{
        int r;

        if (environment_error(writer->environment) == 0)
                return true;
        r = environment_recover(writer->environment);
        if (r < 0)
                complete_changes(writer, SIZE_MAX, r);
        return r >= 0;
}

static void commit_taken(Writer *writer)
{
        size_t n;
        int r;

        if (!reopen_store(writer))
                return;
        if (!environment_has_reserve(writer->environment)) {
                commit_single(writer);
                return;
        }
        r = commit_batch_reopening(writer, BATCH_MAX, &n);
        if (r >= 0 || n == 1) {
                complete_changes(writer, n, r);
                return;
        }
        /* Isolate the failing change: retry one by one. */
        for (; n > 0; n--)
                commit_single(writer);
}

/* Waits for changes. Returns false when stopping with an empty queue. */
static bool wait_for_changes(Writer *writer)
{
        pthread_mutex_lock(&writer->lock);
        while (!STAILQ_FIRST(&writer->taken) && !STAILQ_FIRST(&writer->queued) && !writer->stopping)
                pthread_cond_wait(&writer->wake, &writer->lock);
        STAILQ_CONCAT(&writer->taken, &writer->queued);
        pthread_mutex_unlock(&writer->lock);
        return STAILQ_FIRST(&writer->taken);
}

/* Saves the store's clock, which otherwise continues from the latest record at the next start. */
static void writer_save_clock(Writer *writer)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        if (environment_error(writer->environment) < 0 ||
            !environment_has_reserve(writer->environment))
                return;
        r = environment_begin_write(writer->environment, &txn);
        if (r == 0)
                r = meta_table_put_time(&txn, META_CLOCK, store_clock_now_ms(txn.clock));
        if (r == 0)
                (void) txn_commit(&txn);
}

static void *writer_run(void *userdata)
{
        Writer *writer = userdata;

        while (wait_for_changes(writer))
                commit_taken(writer);
        writer_save_clock(writer);
        return NULL;
}

/* Signals belong to the event loop's thread. */
static int writer_start(Writer *writer)
{
        sigset_t all, old;
        int r;

        sigfillset(&all);
        r = pthread_sigmask(SIG_SETMASK, &all, &old);
        if (r != 0)
                return -r;
        r = pthread_create(&writer->thread, NULL, writer_run, writer);
        (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
        return log_errno_origin(-r);
}

static Writer *writer_destroy(Writer *writer)
{
        closep(&writer->event_fd);
        pthread_cond_destroy(&writer->wake);
        pthread_mutex_destroy(&writer->lock);
        change_queue_clear(&writer->ended);
        free(writer);
        return NULL;
}
DEFINE_CLEANUP(Writer *, writer_destroy);

int writer_new(Environment *environment, Writer **ret)
{
        _cleanup_(writer_destroyp) Writer *writer = calloc(1, sizeof(Writer));
        int r;

        if (!writer)
                return -ENOMEM;
        writer->environment = environment;
        STAILQ_INIT(&writer->queued);
        STAILQ_INIT(&writer->ended);
        STAILQ_INIT(&writer->taken);
        pthread_mutex_init(&writer->lock, NULL);
        pthread_cond_init(&writer->wake, NULL);
        writer->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (writer->event_fd < 0)
                return log_errno_origin(-errno);
        r = writer_start(writer);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(writer);
        return 0;
}

Writer *writer_free(Writer *writer)
{
        if (!writer)
                return NULL;
        pthread_mutex_lock(&writer->lock);
        writer->stopping = true;
        pthread_cond_signal(&writer->wake);
        pthread_mutex_unlock(&writer->lock);
        pthread_join(writer->thread, NULL);
        return writer_destroy(writer);
}

void writer_queue(Writer *writer, StoreChange *change)
{
        pthread_mutex_lock(&writer->lock);
        assert(!writer->stopping);
        STAILQ_INSERT_TAIL(&writer->queued, change, entry);
        pthread_cond_signal(&writer->wake);
        pthread_mutex_unlock(&writer->lock);
}

int writer_get_fd(Writer *writer)
{
        return writer->event_fd;
}

void writer_collect(Writer *writer, ChangeQueue *queue)
{
        eventfd_t count;

        /* Clear the eventfd before taking the queue: a change in between then causes a spurious
         * wake-up, not a lost one. */
        (void) eventfd_read(writer->event_fd, &count);
        pthread_mutex_lock(&writer->lock);
        STAILQ_CONCAT(queue, &writer->ended);
        pthread_mutex_unlock(&writer->lock);
}

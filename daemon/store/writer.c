/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "daemon/store/store-failure.h"
#include "daemon/store/writer.h"
#include "dbus/error.h"

/* How many links a transaction changes at most, or all those of one user more: the others wait no
 * longer than this takes. */
#define BATCH_MAX 1000U

struct Writer {
        Environment *environment;
        pthread_t thread;
        int event_fd;

        pthread_mutex_t lock; /* for what follows */
        pthread_cond_t wake;
        ChangeQueue queued;
        ChangeQueue ended;
        bool stopping;

        /* The thread's own. */
        ChangeQueue taken;
        StoreFailure last_failure;
};

/* Takes the changes that are taken, from the first on, into one transaction; a dry one into one of
 * its own, which is aborted. *ret_n is how many, also when it fails. */
static int batch_try(Writer *writer, size_t max, size_t *ret_n)
{
        _cleanup_(txn_end) Txn txn = {};
        size_t weight = 0;
        int r;

        *ret_n = 1;
        r = environment_begin_write(writer->environment, &txn);
        if (r < 0)
                return r;

        *ret_n = 0;
        for (StoreChange *c = writer->taken.first; c && weight < max; c = change_next(c)) {
                bool dry = change_is_dry(c);

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

/* A step of a removal, when only the reserve is left: it is to change no more pages than there are
 * in a fraction of the reserve. */
#define STEP_LINKS 16U

/* Tries again with a larger map. Returns why it cannot be made larger, if that is what is wrong. */
static int batch_grow(Writer *writer, size_t max, size_t *ret_n)
{
        int r;

        do {
                r = environment_grow(writer->environment);
                if (r < 0)
                        return r;
                r = batch_try(writer, max, ret_n);
        } while (r == -EXFULL);
        return r;
}

/* One change, in as many transactions as it takes. The pages that a transaction has freed can be
 * used again two transactions later. */
static int commit_in_steps(Writer *writer)
{
        StoreChange *change = writer->taken.first;
        size_t n;
        int r;

        change_limit(change, STEP_LINKS);
        do {
                r = batch_try(writer, 1, &n);
                if (r == -EXFULL && environment_use_reserve(writer->environment) >= 0)
                        r = batch_try(writer, 1, &n);
                if (r >= 0)
                        change_keep_step(change);
        } while (r >= 0 && change_is_unfinished(change));
        change_limit(change, 0);
        return r == -EXFULL ? -ENOSPC : r;
}

static int batch_make(Writer *writer, size_t max, size_t *ret_n)
{
        int r;

        r = batch_try(writer, max, ret_n);
        if (r == -EXFULL)
                r = batch_grow(writer, max, ret_n);
        if (store_error_from_errno(r) == ERROR_STORE_FULL && *ret_n == 1 &&
            change_uses_reserve(writer->taken.first))
                r = commit_in_steps(writer);
        return r;
}

/* A failure that closes the store may be over when it is opened again. */
static int batch_commit(Writer *writer, size_t max, size_t *ret_n)
{
        int r, recovered;

        r = batch_make(writer, max, ret_n);
        if (r >= 0)
                return r;
        recovered = environment_recover(writer->environment);
        if (recovered <= 0)
                return recovered < 0 && r == -ENOTRECOVERABLE ? recovered : r;
        r = batch_make(writer, max, ret_n);
        if (r < 0)
                (void) environment_recover(writer->environment);
        return r;
}

/* Hands back the first `n` changes that are taken, or all if there are fewer. */
static void writer_end(Writer *writer, size_t n, int r)
{
        ChangeQueue ended = {};

        if (r < 0)
                store_failure_record(&writer->last_failure, r);
        for (; n > 0 && writer->taken.first; n--) {
                StoreChange *change = change_queue_pop(&writer->taken);

                if (r < 0)
                        change_fail(change, store_error_from_errno(r));
                change_queue_push(&ended, change);
        }

        pthread_mutex_lock(&writer->lock);
        change_queue_join(&writer->ended, &ended);
        pthread_mutex_unlock(&writer->lock);
        (void) eventfd_write(writer->event_fd, 1);
}

/* What is left of the reserve is for changes that may use it, until there is room for a whole one
 * again. */
static bool writer_refuses_first(Writer *writer)
{
        return !change_uses_reserve(writer->taken.first) &&
               environment_error(writer->environment) == 0 &&
               !environment_has_reserve(writer->environment) &&
               !environment_has_room(writer->environment);
}

static void writer_make_one(Writer *writer)
{
        size_t n = 1;
        int r;

        r = writer_refuses_first(writer) ? -ENOSPC : batch_commit(writer, 1, &n);
        writer_end(writer, n, r);
}

/* A store that is not open is tried once for all changes that wait. */
static bool writer_opens(Writer *writer)
{
        int r;

        if (environment_error(writer->environment) == 0)
                return true;
        r = environment_recover(writer->environment);
        if (r < 0)
                writer_end(writer, SIZE_MAX, r);
        return r >= 0;
}

static void writer_make_batch(Writer *writer)
{
        size_t n;
        int r;

        if (!writer_opens(writer))
                return;
        if (!environment_has_reserve(writer->environment)) {
                writer_make_one(writer);
                return;
        }
        r = batch_commit(writer, BATCH_MAX, &n);
        if (r >= 0 || n == 1) {
                writer_end(writer, n, r);
                return;
        }
        /* One of them is to blame, or some of them have room: each by itself. */
        for (; n > 0; n--)
                writer_make_one(writer);
}

/* Waits for changes. False if there are none left and there will be no more. */
static bool writer_take(Writer *writer)
{
        pthread_mutex_lock(&writer->lock);
        while (!writer->taken.first && !writer->queued.first && !writer->stopping)
                pthread_cond_wait(&writer->wake, &writer->lock);
        change_queue_join(&writer->taken, &writer->queued);
        pthread_mutex_unlock(&writer->lock);
        return writer->taken.first;
}

static void *writer_run(void *userdata)
{
        Writer *writer = userdata;

        while (writer_take(writer))
                writer_make_batch(writer);
        return NULL;
}

/* Signals are for the thread that has the event loop. */
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
        return -r;
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
        pthread_mutex_init(&writer->lock, NULL);
        pthread_cond_init(&writer->wake, NULL);
        writer->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (writer->event_fd < 0)
                return -errno;
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
        change_queue_push(&writer->queued, change);
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

        /* First the signal and then what it is about: one that comes between wakes up for nothing,
         * and none is lost. */
        (void) eventfd_read(writer->event_fd, &count);
        pthread_mutex_lock(&writer->lock);
        change_queue_join(queue, &writer->ended);
        pthread_mutex_unlock(&writer->lock);
}

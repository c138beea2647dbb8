/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "base/log.h"
#include "daemon/store/engines/worker.h"

typedef STAILQ_HEAD(JobQueue, Job) JobQueue;

struct Worker {
        pthread_t thread;
        int event_fd;

        pthread_mutex_t lock; /* protects the following */
        pthread_cond_t wake;
        JobQueue queued;
        JobQueue ended;
        bool stopping;
};

/* NULL when stopping with an empty queue. */
static Job *wait_for_job(Worker *worker)
{
        Job *job;

        pthread_mutex_lock(&worker->lock);
        while (STAILQ_EMPTY(&worker->queued) && !worker->stopping)
                pthread_cond_wait(&worker->wake, &worker->lock);
        job = STAILQ_FIRST(&worker->queued);
        if (job)
                STAILQ_REMOVE_HEAD(&worker->queued, entry);
        pthread_mutex_unlock(&worker->lock);
        return job;
}

static void *run_worker(void *userdata)
{
        Worker *worker = userdata;
        Job *job;

        while ((job = wait_for_job(worker))) {
                job->run(job);
                pthread_mutex_lock(&worker->lock);
                STAILQ_INSERT_TAIL(&worker->ended, job, entry);
                pthread_mutex_unlock(&worker->lock);
                worker_wake(worker);
        }
        return NULL;
}

/* Signals belong to the event loop's thread. */
static int start_worker(Worker *worker)
{
        sigset_t all, old;
        int r;

        sigfillset(&all);
        r = pthread_sigmask(SIG_SETMASK, &all, &old);
        if (r != 0)
                return -r;
        r = pthread_create(&worker->thread, NULL, run_worker, worker);
        (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
        return log_errno_origin(-r);
}

static void destroy_worker(Worker *worker)
{
        closep(&worker->event_fd);
        pthread_cond_destroy(&worker->wake);
        pthread_mutex_destroy(&worker->lock);
        free(worker);
}

int worker_new(Worker **ret)
{
        Worker *worker = calloc(1, sizeof(Worker));
        int r;

        if (!worker)
                return -ENOMEM;
        STAILQ_INIT(&worker->queued);
        STAILQ_INIT(&worker->ended);
        pthread_mutex_init(&worker->lock, NULL);
        pthread_cond_init(&worker->wake, NULL);
        worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = worker->event_fd < 0 ? log_errno_origin(-errno) : start_worker(worker);
        if (r < 0) {
                destroy_worker(worker);
                return r;
        }
        *ret = worker;
        return 0;
}

Worker *worker_free(Worker *worker)
{
        Job *job;

        if (!worker)
                return NULL;
        pthread_mutex_lock(&worker->lock);
        worker->stopping = true;
        pthread_cond_signal(&worker->wake);
        pthread_mutex_unlock(&worker->lock);
        pthread_join(worker->thread, NULL);
        while ((job = STAILQ_FIRST(&worker->ended))) {
                STAILQ_REMOVE_HEAD(&worker->ended, entry);
                job->drop(job);
        }
        destroy_worker(worker);
        return NULL;
}

void worker_queue(Worker *worker, Job *job)
{
        pthread_mutex_lock(&worker->lock);
        assert(!worker->stopping);
        STAILQ_INSERT_TAIL(&worker->queued, job, entry);
        pthread_cond_signal(&worker->wake);
        pthread_mutex_unlock(&worker->lock);
}

int worker_get_fd(Worker *worker)
{
        return worker->event_fd;
}

void worker_wake(Worker *worker)
{
        (void) eventfd_write(worker->event_fd, 1);
}

void worker_dispatch(Worker *worker)
{
        JobQueue ended;
        eventfd_t count;
        Job *job;

        STAILQ_INIT(&ended);
        /* Clear the eventfd before taking the queue: a job in between then causes a spurious
         * wake-up, not a lost one. */
        (void) eventfd_read(worker->event_fd, &count);
        pthread_mutex_lock(&worker->lock);
        STAILQ_CONCAT(&ended, &worker->ended);
        pthread_mutex_unlock(&worker->lock);
        while ((job = STAILQ_FIRST(&ended))) {
                STAILQ_REMOVE_HEAD(&ended, entry);
                job->done(job);
        }
}

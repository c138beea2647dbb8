/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "base/macro.h"

/* A thread that runs jobs one after another, in the order of worker_queue(). */
typedef struct Worker Worker;

typedef struct Job {
        void (*run)(struct Job *job);  /* in the thread */
        void (*done)(struct Job *job); /* in worker_dispatch(); frees the job */
        void (*drop)(struct Job *job); /* instead of done(), in worker_free() */
        STAILQ_ENTRY(Job) entry;
} Job;

/* Returns 0 or a negative errno. */
int worker_new(Worker **ret);
/* Runs the queued jobs. Returns NULL. */
Worker *worker_free(Worker *worker);
DEFINE_CLEANUP(Worker *, worker_free);

/* Takes ownership of the job. */
void worker_queue(Worker *worker, Job *job);

/* Readable when worker_dispatch() has jobs, or after worker_wake(). */
int worker_get_fd(Worker *worker);
void worker_wake(Worker *worker);
/* Calls done() of the jobs that have run. */
void worker_dispatch(Worker *worker);

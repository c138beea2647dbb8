/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/queue.h>

#include "base/log.h"
#include "daemon/nss-lookup-pool.h"
#include "daemon/nss-lookup.h"

typedef enum NssLookupState {
        NSS_LOOKUP_QUEUED,
        NSS_LOOKUP_RUNNING, /* a thread reads `name` without holding the lock */
        NSS_LOOKUP_DONE,
} NssLookupState;

typedef struct NssLookup {
        TAILQ_ENTRY(NssLookup) entry;
        NssLookupState state;
        bool repeat;    /* asked again while running */
        bool cancelled; /* while running */
        bool is_group;
        char *name;
        NssResult result;
} NssLookup;

/* Shared by the event loop and the threads; freed with the last reference. */
typedef struct NssLookupQueue {
        pthread_mutex_t lock;
        unsigned n_ref;     /* one for the event loop and one for each thread */
        unsigned n_threads; /* that will check the queue again before they exit */
        int fd;
        TAILQ_HEAD(, NssLookup) lookups; /* first in, first out */
} NssLookupQueue;

struct NssLookupPool {
        NssLookupQueue *queue;
        sd_event_source *source;
        NssLookupFunc on_result;
        void *userdata;
};

static NssLookup *nss_lookup_free(NssLookup *lookup)
{
        if (!lookup)
                return NULL;
        free(lookup->name);
        free(lookup);
        return NULL;
}
DEFINE_CLEANUP(NssLookup *, nss_lookup_free);

static int nss_lookup_new(bool is_group, const char *name, NssLookup **ret)
{
        _cleanup_(nss_lookup_freep) NssLookup *lookup = calloc(1, sizeof(NssLookup));

        if (!lookup)
                return -ENOMEM;
        lookup->is_group = is_group;
        lookup->name = strdup(name);
        if (!lookup->name)
                return -ENOMEM;
        *ret = TAKE_PTR(lookup);
        return 0;
}

/* The queue. The functions up to the threads require the lock. */

static NssLookup *find_lookup(const NssLookupQueue *queue, bool is_group, const char *name)
{
        NssLookup *l;

        TAILQ_FOREACH(l, &queue->lookups, entry)
        if (l->is_group == is_group && streq(l->name, name))
                return l;
        return NULL;
}

static NssLookup *find_lookup_in_state(const NssLookupQueue *queue, NssLookupState state)
{
        NssLookup *l;

        TAILQ_FOREACH(l, &queue->lookups, entry)
        if (l->state == state)
                return l;
        return NULL;
}

static void remove_lookup(NssLookupQueue *queue, NssLookup *lookup)
{
        TAILQ_REMOVE(&queue->lookups, lookup, entry);
        nss_lookup_free(lookup);
}

/* The last reference destroys the lock. */
static void queue_unlock_unref(NssLookupQueue *queue)
{
        NssLookup *lookup;
        bool last;

        assert(queue->n_ref > 0);
        last = --queue->n_ref == 0;
        pthread_mutex_unlock(&queue->lock);
        if (!last)
                return;
        while ((lookup = TAILQ_FIRST(&queue->lookups)))
                remove_lookup(queue, lookup);
        closep(&queue->fd);
        pthread_mutex_destroy(&queue->lock);
        free(queue);
}

static void wake_event_loop(NssLookupQueue *queue)
{
        /* A full counter is readable as well. */
        (void) !write(queue->fd, &(uint64_t){1}, sizeof(uint64_t));
}

static void store_result(NssLookupQueue *queue, NssLookup *lookup, NssResult result)
{
        lookup->result = result;
        lookup->state = lookup->repeat ? NSS_LOOKUP_QUEUED : NSS_LOOKUP_DONE;
        if (lookup->cancelled) {
                remove_lookup(queue, lookup);
        } else if (lookup->repeat) {
                lookup->repeat = false;
                TAILQ_REMOVE(&queue->lookups, lookup, entry);
                TAILQ_INSERT_TAIL(&queue->lookups, lookup, entry);
        } else {
                wake_event_loop(queue);
        }
}

/* The threads */

static void *run_thread(void *userdata)
{
        NssLookupQueue *queue = userdata;
        NssLookup *lookup;

        pthread_mutex_lock(&queue->lock);
        while ((lookup = find_lookup_in_state(queue, NSS_LOOKUP_QUEUED))) {
                NssResult result;

                lookup->state = NSS_LOOKUP_RUNNING;
                pthread_mutex_unlock(&queue->lock);
                result = nss_lookup(lookup->is_group, lookup->name);
                pthread_mutex_lock(&queue->lock);
                store_result(queue, lookup, result);
        }
        assert(queue->n_threads > 0);
        queue->n_threads--;
        queue_unlock_unref(queue);
        return NULL;
}

/* With all signals blocked: they belong to the event loop. Returns 0 or a negative errno. */
static int create_thread(NssLookupQueue *queue)
{
        sigset_t all, before;
        pthread_attr_t attributes;
        pthread_t thread;
        int e;

        e = pthread_attr_init(&attributes);
        if (e != 0)
                return -e;
        sigfillset(&all);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        e = pthread_create(&thread, &attributes, run_thread, queue);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attributes);
        return log_errno_origin(-e);
}

/* Succeeds without a new thread if a running one will check the queue again. With the lock. */
static int start_thread(NssLookupQueue *queue)
{
        int r;

        if (queue->n_threads >= NSS_LOOKUP_THREADS_MAX)
                return 0;
        queue->n_ref++;
        queue->n_threads++;
        r = create_thread(queue);
        if (r == 0)
                return 0;
        queue->n_ref--;
        queue->n_threads--;
        return queue->n_threads > 0 ? 0 : r;
}

/* The event loop */

/* With the lock. */
static int enqueue_lookup(NssLookupQueue *queue, bool is_group, const char *name)
{
        NssLookup *lookup = find_lookup(queue, is_group, name);
        int r;

        if (lookup && lookup->state == NSS_LOOKUP_RUNNING) {
                lookup->cancelled = false;
                lookup->repeat = true;
                return 0;
        }
        if (!lookup) {
                r = nss_lookup_new(is_group, name, &lookup);
                if (r < 0)
                        return r;
                TAILQ_INSERT_TAIL(&queue->lookups, lookup, entry);
        }
        lookup->state = NSS_LOOKUP_QUEUED;
        r = start_thread(queue);
        if (r < 0)
                store_result(queue, lookup, (NssResult){.r = r});
        return 0;
}

int nss_lookup_pool_ask(NssLookupPool *pool, bool is_group, const char *name)
{
        int r;

        pthread_mutex_lock(&pool->queue->lock);
        r = enqueue_lookup(pool->queue, is_group, name);
        pthread_mutex_unlock(&pool->queue->lock);
        return r;
}

void nss_lookup_pool_cancel(NssLookupPool *pool)
{
        NssLookupQueue *queue = pool->queue;
        NssLookup *l, *next;

        pthread_mutex_lock(&queue->lock);
        for (l = TAILQ_FIRST(&queue->lookups); l; l = next) {
                next = TAILQ_NEXT(l, entry);
                l->repeat = false;
                if (l->state == NSS_LOOKUP_RUNNING)
                        l->cancelled = true;
                else
                        remove_lookup(queue, l);
        }
        pthread_mutex_unlock(&queue->lock);
}

static NssLookup *take_done(NssLookupQueue *queue)
{
        NssLookup *lookup;

        pthread_mutex_lock(&queue->lock);
        lookup = find_lookup_in_state(queue, NSS_LOOKUP_DONE);
        if (lookup)
                TAILQ_REMOVE(&queue->lookups, lookup, entry);
        pthread_mutex_unlock(&queue->lock);
        return lookup;
}

static void dispatch_results(NssLookupPool *pool)
{
        NssLookup *next;
        uint64_t n;

        (void) !read(pool->queue->fd, &n, sizeof(n));
        while ((next = take_done(pool->queue))) {
                _cleanup_(nss_lookup_freep) NssLookup *lookup = next;

                pool->on_result(lookup->is_group, lookup->name, lookup->result, pool->userdata);
        }
}

static int on_readable(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_,
                       void *userdata)
{
        dispatch_results(userdata);
        return 0;
}

void nss_lookup_pool_wait(NssLookupPool *pool, uint64_t timeout_ms)
{
        struct pollfd fd = {.fd = pool->queue->fd, .events = POLLIN};

        (void) poll(&fd, 1, (int) timeout_ms);
        dispatch_results(pool);
}

static int queue_new(NssLookupQueue **ret)
{
        NssLookupQueue *queue = calloc(1, sizeof(NssLookupQueue));
        int r;

        if (!queue)
                return -ENOMEM;
        queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = queue->fd < 0 ? log_errno_origin(-errno) : -pthread_mutex_init(&queue->lock, NULL);
        if (r < 0) {
                closep(&queue->fd);
                free(queue);
                return r;
        }
        TAILQ_INIT(&queue->lookups);
        queue->n_ref = 1;
        *ret = queue;
        return 0;
}

int nss_lookup_pool_new(sd_event *event, NssLookupFunc on_result, void *userdata,
                        NssLookupPool **ret)
{
        _cleanup_(nss_lookup_pool_freep) NssLookupPool *pool = calloc(1, sizeof(NssLookupPool));
        int r;

        if (!pool)
                return -ENOMEM;
        pool->on_result = on_result;
        pool->userdata = userdata;
        r = queue_new(&pool->queue);
        if (r >= 0)
                r = log_errno_origin(sd_event_add_io(event, &pool->source, pool->queue->fd, EPOLLIN,
                                                     on_readable, pool));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(pool);
        return 0;
}

NssLookupPool *nss_lookup_pool_free(NssLookupPool *pool)
{
        if (!pool)
                return NULL;
        sd_event_source_disable_unref(pool->source);
        if (pool->queue) {
                nss_lookup_pool_cancel(pool);
                pthread_mutex_lock(&pool->queue->lock);
                queue_unlock_unref(pool->queue);
        }
        free(pool);
        return NULL;
}

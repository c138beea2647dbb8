/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "daemon/nss-lookup-pool.h"
#include "daemon/nss-lookup.h"

typedef enum NssLookupState {
        LOOKUP_QUEUED,
        LOOKUP_RUNNING, /* a thread reads its name, without the lock */
        LOOKUP_ANSWERED,
} NssLookupState;

typedef struct NssLookup {
        struct NssLookup *next;
        NssLookupState state;
        bool again;     /* asked once more while it was running */
        bool cancelled; /* while it was running */
        bool is_group;
        char *name;
        NssResult answer;
} NssLookup;

/* What the threads share with the event loop; it lives as long as one of them needs it. */
typedef struct NssLookupQueue {
        pthread_mutex_t lock;
        unsigned n_ref;     /* the event loop's, and one a thread */
        unsigned n_threads; /* that will look into the queue once more */
        int fd;
        NssLookup *lookups; /* in the order in which they were asked */
} NssLookupQueue;

struct NssLookupPool {
        NssLookupQueue *queue;
        sd_event_source *source;
        NssLookupFunc answered;
        void *userdata;
};

static NssLookup *lookup_free(NssLookup *lookup)
{
        if (!lookup)
                return NULL;
        free(lookup->name);
        free(lookup);
        return NULL;
}
DEFINE_CLEANUP(NssLookup *, lookup_free);

static int lookup_new(bool is_group, const char *name, NssLookup **ret)
{
        _cleanup_(lookup_freep) NssLookup *lookup = calloc(1, sizeof(NssLookup));

        if (!lookup)
                return -ENOMEM;
        lookup->is_group = is_group;
        lookup->name = strdup(name);
        if (!lookup->name)
                return -ENOMEM;
        *ret = TAKE_PTR(lookup);
        return 0;
}

/* The list. All that follows, up to the threads, is called with the lock. */

static NssLookup *find_lookup(const NssLookupQueue *queue, bool is_group, const char *name)
{
        for (NssLookup *l = queue->lookups; l; l = l->next)
                if (l->is_group == is_group && streq(l->name, name))
                        return l;
        return NULL;
}

static NssLookup *find_lookup_in_state(const NssLookupQueue *queue, NssLookupState state)
{
        for (NssLookup *l = queue->lookups; l; l = l->next)
                if (l->state == state)
                        return l;
        return NULL;
}

static void append(NssLookupQueue *queue, NssLookup *lookup)
{
        NssLookup **end = &queue->lookups;

        while (*end)
                end = &(*end)->next;
        lookup->next = NULL;
        *end = lookup;
}

static NssLookup *detach(NssLookupQueue *queue, NssLookup *lookup)
{
        for (NssLookup **l = &queue->lookups; *l; l = &(*l)->next)
                if (*l == lookup) {
                        *l = lookup->next;
                        break;
                }
        return lookup;
}

/* The lock is destroyed with the last reference. */
static void queue_unlock_unref(NssLookupQueue *queue)
{
        bool last = --queue->n_ref == 0;

        pthread_mutex_unlock(&queue->lock);
        if (!last)
                return;
        while (queue->lookups)
                lookup_free(detach(queue, queue->lookups));
        closep(&queue->fd);
        pthread_mutex_destroy(&queue->lock);
        free(queue);
}

static void wake_loop(NssLookupQueue *queue)
{
        /* A counter that is full is readable, too. */
        (void) !write(queue->fd, &(uint64_t){1}, sizeof(uint64_t));
}

static void store_result(NssLookupQueue *queue, NssLookup *lookup, NssResult answer)
{
        lookup->answer = answer;
        lookup->state = lookup->again ? LOOKUP_QUEUED : LOOKUP_ANSWERED;
        if (lookup->cancelled) {
                lookup_free(detach(queue, lookup));
        } else if (lookup->again) {
                lookup->again = false;
                append(queue, detach(queue, lookup));
        } else {
                wake_loop(queue);
        }
}

/* The threads */

static void *run_thread(void *userdata)
{
        NssLookupQueue *queue = userdata;
        NssLookup *lookup;

        pthread_mutex_lock(&queue->lock);
        while ((lookup = find_lookup_in_state(queue, LOOKUP_QUEUED))) {
                NssResult answer;

                lookup->state = LOOKUP_RUNNING;
                pthread_mutex_unlock(&queue->lock);
                answer = nss_lookup(lookup->is_group, lookup->name);
                pthread_mutex_lock(&queue->lock);
                store_result(queue, lookup, answer);
        }
        queue->n_threads--;
        queue_unlock_unref(queue);
        return NULL;
}

/* All signals are for the event loop's thread. Returns 0 or a negative errno. */
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
        return -e;
}

/* Those that run take from the queue as well, when they are done. With the lock. */
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

        if (lookup && lookup->state == LOOKUP_RUNNING) {
                lookup->cancelled = false;
                lookup->again = true;
                return 0;
        }
        if (!lookup) {
                r = lookup_new(is_group, name, &lookup);
                if (r < 0)
                        return r;
                append(queue, lookup);
        }
        lookup->state = LOOKUP_QUEUED;
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

        pthread_mutex_lock(&queue->lock);
        for (NssLookup *l = queue->lookups, *next; l; l = next) {
                next = l->next;
                l->again = false;
                if (l->state == LOOKUP_RUNNING)
                        l->cancelled = true;
                else
                        lookup_free(detach(queue, l));
        }
        pthread_mutex_unlock(&queue->lock);
}

static NssLookup *take_result(NssLookupQueue *queue)
{
        NssLookup *lookup;

        pthread_mutex_lock(&queue->lock);
        lookup = find_lookup_in_state(queue, LOOKUP_ANSWERED);
        if (lookup)
                detach(queue, lookup);
        pthread_mutex_unlock(&queue->lock);
        return lookup;
}

static void dispatch_results(NssLookupPool *pool)
{
        NssLookup *next;
        uint64_t n;

        (void) !read(pool->queue->fd, &n, sizeof(n));
        while ((next = take_result(pool->queue))) {
                _cleanup_(lookup_freep) NssLookup *lookup = next;

                pool->answered(lookup->is_group, lookup->name, lookup->answer, pool->userdata);
        }
}

static int on_lookup_results(sd_event_source *source _unused_, int fd _unused_,
                             uint32_t revents _unused_, void *userdata)
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
        r = queue->fd < 0 ? -errno : -pthread_mutex_init(&queue->lock, NULL);
        if (r < 0) {
                closep(&queue->fd);
                free(queue);
                return r;
        }
        queue->n_ref = 1;
        *ret = queue;
        return 0;
}

int nss_lookup_pool_new(sd_event *event, NssLookupFunc answered, void *userdata,
                        NssLookupPool **ret)
{
        _cleanup_(nss_lookup_pool_freep) NssLookupPool *pool = calloc(1, sizeof(NssLookupPool));
        int r;

        if (!pool)
                return -ENOMEM;
        pool->answered = answered;
        pool->userdata = userdata;
        r = queue_new(&pool->queue);
        if (r >= 0)
                r = sd_event_add_io(event, &pool->source, pool->queue->fd, EPOLLIN,
                                    on_lookup_results, pool);
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

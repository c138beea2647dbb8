/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "daemon/lookup-queue.h"
#include "daemon/nss-lookup-pool.h"
#include "daemon/nss-lookup.h"

/* Shared by the threads and the event loop; freed with the last reference. */
struct NssLookupQueue {
        pthread_mutex_t lock;
        unsigned n_ref;     /* one for the event loop, one per thread */
        unsigned n_threads; /* running threads that will read the queue again */
        unsigned n_slow;    /* threads with a slow or cancelled lookup */
        int fd;
        TAILQ_HEAD(, NssLookup) lookups; /* in the order of the requests */
};

NssLookup *lookup_free(NssLookup *lookup)
{
        if (!lookup)
                return NULL;
        free(lookup->name);
        free(lookup);
        return NULL;
}

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

/* Queue operations; the caller holds the lock. */

static NssLookup *find_name(const NssLookupQueue *queue, bool is_group, const char *name)
{
        NssLookup *l;

        TAILQ_FOREACH(l, &queue->lookups, entry)
                if (l->is_group == is_group && streq(l->name, name))
                        return l;
        return NULL;
}

static NssLookup *find_state(const NssLookupQueue *queue, NssLookupState state)
{
        NssLookup *l;

        TAILQ_FOREACH(l, &queue->lookups, entry)
                if (l->state == state)
                        return l;
        return NULL;
}

static NssLookup *detach(NssLookupQueue *queue, NssLookup *lookup)
{
        TAILQ_REMOVE(&queue->lookups, lookup, entry);
        return lookup;
}

/* Destroys the lock with the last reference. */
static void queue_unlock_unref(NssLookupQueue *queue)
{
        bool last = --queue->n_ref == 0;

        pthread_mutex_unlock(&queue->lock);
        if (!last)
                return;
        while (!TAILQ_EMPTY(&queue->lookups))
                lookup_free(detach(queue, TAILQ_FIRST(&queue->lookups)));
        closep(&queue->fd);
        pthread_mutex_destroy(&queue->lock);
        free(queue);
}

static void wake_loop(NssLookupQueue *queue)
{
        /* An overflowing counter is readable, too. */
        (void) !write(queue->fd, &(uint64_t){1}, sizeof(uint64_t));
}

static void set_slow(NssLookupQueue *queue, NssLookup *lookup, bool slow)
{
        if (lookup->slow == slow)
                return;
        lookup->slow = slow;
        queue->n_slow += slow ? 1U : -1U;
}

/* Slow and cancelled lookups may block for minutes, and must not delay others. */
static unsigned n_busy(const NssLookupQueue *queue)
{
        return queue->n_threads - queue->n_slow;
}

static void take_answer(NssLookupQueue *queue, NssLookup *lookup, NssResult answer)
{
        lookup->answer = answer;
        lookup->state = lookup->again ? LOOKUP_QUEUED : LOOKUP_ANSWERED;
        if (lookup->cancelled) {
                lookup_free(detach(queue, lookup));
        } else if (lookup->again) {
                lookup->again = false;
                TAILQ_REMOVE(&queue->lookups, lookup, entry);
                TAILQ_INSERT_TAIL(&queue->lookups, lookup, entry);
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
        while (n_busy(queue) <= NSS_LOOKUP_THREADS_MAX &&
               (lookup = find_state(queue, LOOKUP_QUEUED))) {
                NssResult answer;

                lookup->state = LOOKUP_RUNNING;
                lookup->since_ms = monotonic_ms();
                pthread_mutex_unlock(&queue->lock);
                answer = nss_lookup(lookup->is_group, lookup->name);
                pthread_mutex_lock(&queue->lock);
                set_slow(queue, lookup, false);
                take_answer(queue, lookup, answer);
        }
        queue->n_threads--;
        queue_unlock_unref(queue);
        return NULL;
}

/* Blocks all signals in the thread: the event loop handles them. Returns 0 or a negative errno. */
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

/* No new thread is needed at the limit: running threads take the next lookup. The caller holds the
 * lock. */
static int start_thread(NssLookupQueue *queue)
{
        int r;

        if (n_busy(queue) >= NSS_LOOKUP_THREADS_MAX ||
            queue->n_threads >= LOOKUPS_THREADS_TOTAL_MAX)
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

/* The caller holds the lock. */
static int ask(NssLookupQueue *queue, bool is_group, const char *name)
{
        NssLookup *lookup = find_name(queue, is_group, name);
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
                TAILQ_INSERT_TAIL(&queue->lookups, lookup, entry);
        }
        lookup->state = LOOKUP_QUEUED;
        r = start_thread(queue);
        if (r < 0)
                take_answer(queue, lookup, (NssResult){.r = r});
        return 0;
}

int lookup_queue_ask(NssLookupQueue *queue, bool is_group, const char *name)
{
        int r;

        pthread_mutex_lock(&queue->lock);
        r = ask(queue, is_group, name);
        pthread_mutex_unlock(&queue->lock);
        return r;
}

void lookup_queue_cancel(NssLookupQueue *queue)
{
        NssLookup *next;

        pthread_mutex_lock(&queue->lock);
        for (NssLookup *l = TAILQ_FIRST(&queue->lookups); l; l = next) {
                next = TAILQ_NEXT(l, entry);
                l->again = false;
                if (l->state == LOOKUP_RUNNING) {
                        l->cancelled = true;
                        set_slow(queue, l, true);
                } else {
                        lookup_free(detach(queue, l));
                }
        }
        pthread_mutex_unlock(&queue->lock);
}

bool lookup_queue_relieve(NssLookupQueue *queue)
{
        uint64_t now_ms = monotonic_ms();
        bool queued = false;
        NssLookup *l;

        pthread_mutex_lock(&queue->lock);
        TAILQ_FOREACH(l, &queue->lookups, entry)
                if (l->state == LOOKUP_RUNNING && now_ms - l->since_ms >= LOOKUP_SLOW_MS)
                        set_slow(queue, l, true);
        TAILQ_FOREACH(l, &queue->lookups, entry)
                if (l->state == LOOKUP_QUEUED) {
                        queued = true;
                        (void) start_thread(queue);
                }
        pthread_mutex_unlock(&queue->lock);
        return queued;
}

NssLookup *lookup_queue_take_answered(NssLookupQueue *queue)
{
        NssLookup *lookup;

        pthread_mutex_lock(&queue->lock);
        lookup = find_state(queue, LOOKUP_ANSWERED);
        if (lookup)
                detach(queue, lookup);
        pthread_mutex_unlock(&queue->lock);
        return lookup;
}

int lookup_queue_new(NssLookupQueue **ret)
{
        NssLookupQueue *queue = calloc(1, sizeof(NssLookupQueue));
        int r;

        if (!queue)
                return -ENOMEM;
        TAILQ_INIT(&queue->lookups);
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

NssLookupQueue *lookup_queue_unref(NssLookupQueue *queue)
{
        if (!queue)
                return NULL;
        lookup_queue_cancel(queue);
        pthread_mutex_lock(&queue->lock);
        queue_unlock_unref(queue);
        return NULL;
}

int lookup_queue_fd(const NssLookupQueue *queue)
{
        return queue->fd;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "daemon/nss-lookup-pool.h"
#include "daemon/nss-lookup.h"

typedef enum LookupState {
        LOOKUP_QUEUED,
        LOOKUP_RUNNING, /* a thread reads its name, without the lock */
        LOOKUP_ANSWERED,
} LookupState;

typedef struct Lookup {
        struct Lookup *next;
        LookupState state;
        bool again;     /* asked once more while it was running */
        bool cancelled; /* while it was running */
        bool is_group;
        char *name;
        NameAnswer answer;
} Lookup;

/* What the threads share with the event loop; it lives as long as one of them needs it. */
typedef struct LookupQueue {
        pthread_mutex_t lock;
        unsigned n_ref;     /* the event loop's, and one a thread */
        unsigned n_threads; /* that will look into the queue once more */
        int fd;
        Lookup *lookups; /* in the order in which they were asked */
} LookupQueue;

struct Lookups {
        LookupQueue *queue;
        sd_event_source *source;
        LookupsFunc answered;
        void *userdata;
};

static Lookup *lookup_free(Lookup *lookup)
{
        if (!lookup)
                return NULL;
        free(lookup->name);
        free(lookup);
        return NULL;
}
DEFINE_CLEANUP(Lookup *, lookup_free);

static int lookup_new(bool is_group, const char *name, Lookup **ret)
{
        _cleanup_(lookup_freep) Lookup *lookup = calloc(1, sizeof(Lookup));

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

static Lookup *find_name(const LookupQueue *queue, bool is_group, const char *name)
{
        for (Lookup *l = queue->lookups; l; l = l->next)
                if (l->is_group == is_group && streq(l->name, name))
                        return l;
        return NULL;
}

static Lookup *find_state(const LookupQueue *queue, LookupState state)
{
        for (Lookup *l = queue->lookups; l; l = l->next)
                if (l->state == state)
                        return l;
        return NULL;
}

static void append(LookupQueue *queue, Lookup *lookup)
{
        Lookup **end = &queue->lookups;

        while (*end)
                end = &(*end)->next;
        lookup->next = NULL;
        *end = lookup;
}

static Lookup *detach(LookupQueue *queue, Lookup *lookup)
{
        for (Lookup **l = &queue->lookups; *l; l = &(*l)->next)
                if (*l == lookup) {
                        *l = lookup->next;
                        break;
                }
        return lookup;
}

/* The lock is destroyed with the last reference. */
static void queue_unlock_unref(LookupQueue *queue)
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

static void wake_loop(LookupQueue *queue)
{
        /* A counter that is full is readable, too. */
        (void) !write(queue->fd, &(uint64_t){1}, sizeof(uint64_t));
}

static void take_answer(LookupQueue *queue, Lookup *lookup, NameAnswer answer)
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
        LookupQueue *queue = userdata;
        Lookup *lookup;

        pthread_mutex_lock(&queue->lock);
        while ((lookup = find_state(queue, LOOKUP_QUEUED))) {
                NameAnswer answer;

                lookup->state = LOOKUP_RUNNING;
                pthread_mutex_unlock(&queue->lock);
                answer = lookup_name(lookup->is_group, lookup->name);
                pthread_mutex_lock(&queue->lock);
                take_answer(queue, lookup, answer);
        }
        queue->n_threads--;
        queue_unlock_unref(queue);
        return NULL;
}

/* All signals are for the event loop's thread. Returns 0 or a negative errno. */
static int create_thread(LookupQueue *queue)
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
static int start_thread(LookupQueue *queue)
{
        int r;

        if (queue->n_threads >= LOOKUPS_THREADS_MAX)
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
static int ask(LookupQueue *queue, bool is_group, const char *name)
{
        Lookup *lookup = find_name(queue, is_group, name);
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
                take_answer(queue, lookup, (NameAnswer){.r = r});
        return 0;
}

int lookups_ask(Lookups *lookups, bool is_group, const char *name)
{
        int r;

        pthread_mutex_lock(&lookups->queue->lock);
        r = ask(lookups->queue, is_group, name);
        pthread_mutex_unlock(&lookups->queue->lock);
        return r;
}

void lookups_cancel(Lookups *lookups)
{
        LookupQueue *queue = lookups->queue;

        pthread_mutex_lock(&queue->lock);
        for (Lookup *l = queue->lookups, *next; l; l = next) {
                next = l->next;
                l->again = false;
                if (l->state == LOOKUP_RUNNING)
                        l->cancelled = true;
                else
                        lookup_free(detach(queue, l));
        }
        pthread_mutex_unlock(&queue->lock);
}

static Lookup *take_answered(LookupQueue *queue)
{
        Lookup *lookup;

        pthread_mutex_lock(&queue->lock);
        lookup = find_state(queue, LOOKUP_ANSWERED);
        if (lookup)
                detach(queue, lookup);
        pthread_mutex_unlock(&queue->lock);
        return lookup;
}

static void dispatch(Lookups *lookups)
{
        Lookup *next;
        uint64_t n;

        (void) !read(lookups->queue->fd, &n, sizeof(n));
        while ((next = take_answered(lookups->queue))) {
                _cleanup_(lookup_freep) Lookup *lookup = next;

                lookups->answered(lookup->is_group, lookup->name, lookup->answer,
                                  lookups->userdata);
        }
}

static int on_answer(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_,
                     void *userdata)
{
        dispatch(userdata);
        return 0;
}

void lookups_wait(Lookups *lookups, uint64_t timeout_ms)
{
        struct pollfd fd = {.fd = lookups->queue->fd, .events = POLLIN};

        (void) poll(&fd, 1, (int) timeout_ms);
        dispatch(lookups);
}

static int queue_new(LookupQueue **ret)
{
        LookupQueue *queue = calloc(1, sizeof(LookupQueue));
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

int lookups_new(sd_event *event, LookupsFunc answered, void *userdata, Lookups **ret)
{
        _cleanup_(lookups_freep) Lookups *lookups = calloc(1, sizeof(Lookups));
        int r;

        if (!lookups)
                return -ENOMEM;
        lookups->answered = answered;
        lookups->userdata = userdata;
        r = queue_new(&lookups->queue);
        if (r >= 0)
                r = sd_event_add_io(event, &lookups->source, lookups->queue->fd, EPOLLIN, on_answer,
                                    lookups);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(lookups);
        return 0;
}

Lookups *lookups_free(Lookups *lookups)
{
        if (!lookups)
                return NULL;
        sd_event_source_disable_unref(lookups->source);
        if (lookups->queue) {
                lookups_cancel(lookups);
                pthread_mutex_lock(&lookups->queue->lock);
                queue_unlock_unref(lookups->queue);
        }
        free(lookups);
        return NULL;
}

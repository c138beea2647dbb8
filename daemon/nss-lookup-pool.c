/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>

#include "daemon/lookup-queue.h"
#include "daemon/nss-lookup-pool.h"

struct NssLookupPool {
        NssLookupQueue *queue;
        sd_event_source *source;
        sd_event_source *timer; /* detects slow lookups while others are queued */
        NssLookupFunc answered;
        void *userdata;
};

/* Ignore errors: without the timer, a slow lookup only delays others. */
static void watch(NssLookupPool *lookups)
{
        if (sd_event_source_get_enabled(lookups->timer, NULL) != 0)
                return;
        (void) sd_event_source_set_time_relative(lookups->timer, LOOKUP_SLOW_MS * 1000ULL);
        (void) sd_event_source_set_enabled(lookups->timer, SD_EVENT_ONESHOT);
}

static int on_time(sd_event_source *timer _unused_, uint64_t usec _unused_, void *userdata)
{
        NssLookupPool *lookups = userdata;

        if (lookup_queue_relieve(lookups->queue))
                watch(lookups);
        return 0;
}

int nss_lookup_pool_ask(NssLookupPool *lookups, bool is_group, const char *name)
{
        int r = lookup_queue_ask(lookups->queue, is_group, name);

        watch(lookups);
        return r;
}

void nss_lookup_pool_cancel(NssLookupPool *lookups)
{
        lookup_queue_cancel(lookups->queue);
}

static void dispatch(NssLookupPool *lookups)
{
        NssLookup *next;
        uint64_t n;

        (void) !read(lookup_queue_fd(lookups->queue), &n, sizeof(n));
        while ((next = lookup_queue_take_answered(lookups->queue))) {
                _cleanup_(lookup_freep) NssLookup *lookup = next;

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

void nss_lookup_pool_wait(NssLookupPool *lookups, uint64_t timeout_ms)
{
        struct pollfd fd = {.fd = lookup_queue_fd(lookups->queue), .events = POLLIN};

        (void) poll(&fd, 1, (int) (timeout_ms < LOOKUP_SLOW_MS ? timeout_ms : LOOKUP_SLOW_MS));
        dispatch(lookups);
        (void) lookup_queue_relieve(lookups->queue);
}

int nss_lookup_pool_new(sd_event *event, NssLookupFunc answered, void *userdata,
                        NssLookupPool **ret)
{
        _cleanup_(nss_lookup_pool_freep) NssLookupPool *lookups = calloc(1, sizeof(NssLookupPool));
        int r;

        if (!lookups)
                return -ENOMEM;
        lookups->answered = answered;
        lookups->userdata = userdata;
        r = lookup_queue_new(&lookups->queue);
        if (r >= 0)
                r = sd_event_add_io(event, &lookups->source, lookup_queue_fd(lookups->queue),
                                    EPOLLIN, on_answer, lookups);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &lookups->timer, CLOCK_MONOTONIC, 0, 0,
                                               on_time, lookups);
        if (r >= 0)
                r = sd_event_source_set_enabled(lookups->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(lookups);
        return 0;
}

NssLookupPool *nss_lookup_pool_free(NssLookupPool *lookups)
{
        if (!lookups)
                return NULL;
        sd_event_source_disable_unref(lookups->source);
        sd_event_source_disable_unref(lookups->timer);
        lookup_queue_unref(lookups->queue);
        free(lookups);
        return NULL;
}

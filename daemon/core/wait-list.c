/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/core/wait-list.h"

typedef struct Waiter {
        struct Waiter *next;
        uint64_t until_ms; /* monotonic */
        WaitFunc func;
        void *userdata;
} Waiter;

struct WaitList {
        uint64_t timeout_ms;
        Waiter *waiters; /* in the order in which they came, and in which their time is over */
        sd_event_source *timer;
};

static void arm_timer(WaitList *list)
{
        if (list->waiters)
                (void) sd_event_source_set_time(list->timer, list->waiters->until_ms * 1000);
        (void) sd_event_source_set_enabled(list->timer,
                                           list->waiters ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* Takes off those whose time is over by then. */
static Waiter *take_until(WaitList *list, uint64_t until_ms)
{
        Waiter *due = list->waiters, **end = &due;

        while (*end && (*end)->until_ms <= until_ms)
                end = &(*end)->next;
        list->waiters = TAKE_PTR(*end);
        arm_timer(list);
        return due;
}

static void run_all(Waiter *waiters)
{
        while (waiters) {
                _cleanup_(freep) Waiter *waiter = waiters;

                waiters = waiter->next;
                waiter->func(waiter->userdata);
        }
}

static int on_time(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        run_all(take_until(userdata, monotonic_ms()));
        return 0;
}

int wait_list_new(sd_event *event, uint64_t timeout_ms, WaitList **ret)
{
        _cleanup_(wait_list_freep) WaitList *list = calloc(1, sizeof(WaitList));
        int r;

        if (!list)
                return -ENOMEM;
        list->timeout_ms = timeout_ms;
        r = sd_event_add_time(event, &list->timer, CLOCK_MONOTONIC, 0, 1000, on_time, list);
        if (r >= 0)
                r = sd_event_source_set_enabled(list->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

WaitList *wait_list_free(WaitList *list)
{
        if (!list)
                return NULL;
        while (list->waiters) {
                Waiter *waiter = list->waiters;

                list->waiters = waiter->next;
                free(waiter);
        }
        sd_event_source_disable_unref(list->timer);
        free(list);
        return NULL;
}

int wait_list_add(WaitList *list, WaitFunc func, void *userdata)
{
        Waiter *waiter = malloc(sizeof(Waiter)), **end = &list->waiters;

        if (!waiter)
                return -ENOMEM;
        *waiter = (Waiter){
                .until_ms = monotonic_ms() + list->timeout_ms, .func = func, .userdata = userdata};
        while (*end)
                end = &(*end)->next;
        *end = waiter;
        arm_timer(list);
        return 0;
}

void wait_list_wake(WaitList *list)
{
        run_all(take_until(list, UINT64_MAX));
}

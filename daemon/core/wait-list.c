/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "daemon/core/wait-list.h"

typedef struct WaitListEntry {
        STAILQ_ENTRY(WaitListEntry) entry;
        uint64_t deadline_ms; /* monotonic */
        WaitFunc func;
        void *userdata;
} WaitListEntry;

typedef STAILQ_HEAD(WaitListEntries, WaitListEntry) WaitListEntries;

struct WaitList {
        uint64_t timeout_ms;
        WaitListEntries entries; /* by ascending deadline */
        sd_event_source *timer;
};

static void arm_timer(WaitList *list)
{
        const WaitListEntry *first = STAILQ_FIRST(&list->entries);

        if (first)
                (void) sd_event_source_set_time(list->timer, first->deadline_ms * 1000);
        (void) sd_event_source_set_enabled(list->timer, first ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* Runs the callbacks whose deadline has passed. They may free the list. */
static void run_until(WaitList *list, uint64_t now_ms)
{
        WaitListEntries due = STAILQ_HEAD_INITIALIZER(due);
        WaitListEntry *first;

        while ((first = STAILQ_FIRST(&list->entries)) && first->deadline_ms <= now_ms) {
                STAILQ_REMOVE_HEAD(&list->entries, entry);
                STAILQ_INSERT_TAIL(&due, first, entry);
        }
        arm_timer(list);
        while ((first = STAILQ_FIRST(&due))) {
                _cleanup_(freep) WaitListEntry *owned = first;

                STAILQ_REMOVE_HEAD(&due, entry);
                owned->func(owned->userdata);
        }
}

static int on_time(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        run_until(userdata, monotonic_ms());
        return 0;
}

int wait_list_new(sd_event *event, uint64_t timeout_ms, WaitList **ret)
{
        _cleanup_(wait_list_freep) WaitList *list = calloc(1, sizeof(WaitList));
        int r;

        if (!list)
                return -ENOMEM;
        STAILQ_INIT(&list->entries);
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
        WaitListEntry *first;

        if (!list)
                return NULL;
        while ((first = STAILQ_FIRST(&list->entries))) {
                STAILQ_REMOVE_HEAD(&list->entries, entry);
                free(first);
        }
        sd_event_source_disable_unref(list->timer);
        free(list);
        return NULL;
}

int wait_list_add(WaitList *list, WaitFunc func, void *userdata)
{
        WaitListEntry *entry = malloc(sizeof(WaitListEntry));

        if (!entry)
                return -ENOMEM;
        *entry = (WaitListEntry){.deadline_ms = monotonic_ms() + list->timeout_ms,
                                 .func = func,
                                 .userdata = userdata};
        STAILQ_INSERT_TAIL(&list->entries, entry, entry);
        arm_timer(list);
        return 0;
}

void wait_list_wake(WaitList *list)
{
        run_until(list, UINT64_MAX);
}

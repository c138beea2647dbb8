/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <malloc.h>

#include "base/log.h"
#include "daemon/memory/memory-trim.h"

#define DELAY_US (2U * 1000U * 1000U)

struct MemoryTrim {
        MemoryTrimBusyFunc is_busy;
        void *userdata;
        bool was_used;          /* a call has ended since the timer was set */
        sd_event_source *timer; /* off unless a call has ended */
};

static void set_timer(MemoryTrim *trim)
{
        trim->was_used = false;
        (void) sd_event_source_set_time_relative(trim->timer, DELAY_US);
        (void) sd_event_source_set_enabled(trim->timer, SD_EVENT_ONESHOT);
}

/* Not right after a call: caches keep some memory for a second. */
static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        MemoryTrim *trim = userdata;

        if (trim->was_used || trim->is_busy(trim->userdata))
                set_timer(trim);
        else
                (void) malloc_trim(0);
        return 0;
}

int memory_trim_new(sd_event *event, MemoryTrimBusyFunc is_busy, void *userdata, MemoryTrim **ret)
{
        _cleanup_(memory_trim_freep) MemoryTrim *trim = calloc(1, sizeof(MemoryTrim));
        int r;

        if (!trim)
                return -ENOMEM;
        *trim = (MemoryTrim){.is_busy = is_busy, .userdata = userdata};
        r = sd_event_add_time(event, &trim->timer, CLOCK_MONOTONIC, 0, 0, on_timer, trim);
        if (r >= 0)
                r = sd_event_source_set_enabled(trim->timer, SD_EVENT_OFF);
        if (r < 0)
                return log_errno_origin(r);
        *ret = TAKE_PTR(trim);
        return 0;
}

MemoryTrim *memory_trim_free(MemoryTrim *trim)
{
        if (!trim)
                return NULL;
        sd_event_source_disable_unref(trim->timer);
        free(trim);
        return NULL;
}

void memory_trim_soon(MemoryTrim *trim)
{
        if (sd_event_source_get_enabled(trim->timer, NULL) > 0)
                trim->was_used = true;
        else
                set_timer(trim);
}

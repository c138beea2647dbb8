/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/log.h"
#include "daemon/etcd/etcd-timer.h"

int etcd_timer_new(sd_event *event, sd_event_time_handler_t func, void *userdata,
                   sd_event_source **ret)
{
        _cleanup_(sd_event_source_disable_unrefp) sd_event_source *timer = NULL;
        int r;

        r = log_errno_origin(
                sd_event_add_time(event, &timer, CLOCK_MONOTONIC, 0, 1000, func, userdata));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(timer, SD_EVENT_OFF));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(timer);
        return 0;
}

/* The calls cannot fail: the timer exists. */
void etcd_timer_set(sd_event_source *timer, uint64_t at_ms)
{
        (void) sd_event_source_set_time(timer, at_ms * 1000);
        (void) sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

void etcd_timer_stop(sd_event_source *timer)
{
        (void) sd_event_source_set_enabled(timer, SD_EVENT_OFF);
}

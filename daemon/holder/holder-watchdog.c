/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/log.h"
#include "daemon/holder/holder-watchdog.h"

#define SILENCE_US (UINT64_C(3) * 1000 * 1000)
#define PONG_US    (UINT64_C(5) * 1000 * 1000)

struct HolderWatchdog {
        HolderWatchdogOwner owner;
        sd_event_source *timer;
        bool is_armed, is_fed, is_pinged;
};

static void schedule(HolderWatchdog *watchdog, uint64_t us)
{
        watchdog->is_fed = false;
        (void) sd_event_source_set_time_relative(watchdog->timer, us);
        (void) sd_event_source_set_enabled(watchdog->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        HolderWatchdog *watchdog = userdata;
        const HolderWatchdogOwner *owner = &watchdog->owner;

        if (!watchdog->is_fed && watchdog->is_pinged) {
                watchdog->is_armed = false;
                owner->hangs(owner->userdata);
        } else if (!owner->awaits(owner->userdata)) {
                watchdog->is_armed = false;
        } else if (watchdog->is_fed) {
                watchdog->is_pinged = false;
                schedule(watchdog, SILENCE_US);
        } else {
                watchdog->is_pinged = true;
                owner->ping(owner->userdata);
                schedule(watchdog, PONG_US);
        }
        return 0;
}

void holder_watchdog_arm(HolderWatchdog *watchdog)
{
        if (watchdog->is_armed)
                return;
        watchdog->is_armed = true;
        watchdog->is_pinged = false;
        schedule(watchdog, SILENCE_US);
}

void holder_watchdog_feed(HolderWatchdog *watchdog)
{
        watchdog->is_fed = true;
}

void holder_watchdog_disarm(HolderWatchdog *watchdog)
{
        watchdog->is_armed = false;
        (void) sd_event_source_set_enabled(watchdog->timer, SD_EVENT_OFF);
}

int holder_watchdog_new(sd_event *event, const HolderWatchdogOwner *owner, HolderWatchdog **ret)
{
        _cleanup_(holder_watchdog_freep) HolderWatchdog *watchdog = calloc(1, sizeof(*watchdog));
        int r;

        if (!watchdog)
                return -ENOMEM;
        watchdog->owner = *owner;
        r = log_errno_origin(sd_event_add_time_relative(event, &watchdog->timer, CLOCK_MONOTONIC, 0,
                                                        1, on_timer, watchdog));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(watchdog->timer, SD_EVENT_OFF));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(watchdog);
        return 0;
}

HolderWatchdog *holder_watchdog_free(HolderWatchdog *watchdog)
{
        if (!watchdog)
                return NULL;
        sd_event_source_disable_unref(watchdog->timer);
        free(watchdog);
        return NULL;
}

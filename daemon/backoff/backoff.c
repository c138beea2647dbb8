/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "base/log.h"
#include "daemon/backoff/backoff.h"

/* Upper limit for a peer's Retry-After. */
#define RETRY_AFTER_MAX_S 3600U

struct Backoff {
        sd_event_source *timer;
        uint64_t first_ms;
        uint64_t max_ms;
        uint64_t next_ms;
        uint64_t not_before_ms; /* monotonic; from the peer's Retry-After */
        uint64_t due_ms;        /* monotonic */
        bool hurried;           /* the scheduled run is hurried */
        bool was_hurried;       /* the last run was hurried */
        BackoffFunc func;
        void *userdata;
};

static int on_backoff_timer(sd_event_source *timer _unused_, uint64_t usec _unused_, void *userdata)
{
        Backoff *backoff = userdata;

        backoff->was_hurried = backoff->hurried;
        backoff->hurried = false;
        backoff->func(backoff->userdata);
        return 0;
}

int backoff_new(sd_event *event, uint64_t first_ms, uint64_t max_ms, BackoffFunc func,
                void *userdata, Backoff **ret)
{
        _cleanup_(backoff_freep) Backoff *backoff = calloc(1, sizeof(Backoff));
        int r;

        if (!backoff)
                return -ENOMEM;
        assert(first_ms > 0 && first_ms <= max_ms);
        backoff->first_ms = backoff->next_ms = first_ms;
        backoff->max_ms = max_ms;
        backoff->func = func;
        backoff->userdata = userdata;
        r = log_errno_origin(sd_event_add_time_relative(event, &backoff->timer, CLOCK_MONOTONIC, 0,
                                                        0, on_backoff_timer, backoff));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(backoff->timer, SD_EVENT_OFF));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(backoff);
        return 0;
}

Backoff *backoff_free(Backoff *backoff)
{
        if (!backoff)
                return NULL;
        sd_event_source_disable_unref(backoff->timer);
        free(backoff);
        return NULL;
}

/* The calls cannot fail: the timer exists. */
static void run_after(Backoff *backoff, uint64_t delay_ms)
{
        backoff->due_ms = monotonic_ms() + delay_ms;
        (void) sd_event_source_set_time_relative(backoff->timer, delay_ms * 1000);
        (void) sd_event_source_set_enabled(backoff->timer, SD_EVENT_ONESHOT);
}

static void backoff_reset(Backoff *backoff)
{
        backoff->next_ms = backoff->first_ms;
        backoff->not_before_ms = 0;
        backoff->hurried = backoff->was_hurried = false;
}

void backoff_start(Backoff *backoff)
{
        backoff_reset(backoff);
        run_after(backoff, 0);
}

void backoff_hurry(Backoff *backoff)
{
        uint64_t now_ms = monotonic_ms(), due_ms = now_ms + jitter_ms(backoff->first_ms);

        if (due_ms < backoff->not_before_ms)
                due_ms = backoff->not_before_ms;
        if (!backoff_is_waiting(backoff) || backoff->hurried || backoff->was_hurried ||
            due_ms >= backoff->due_ms)
                return;
        backoff->hurried = true;
        run_after(backoff, due_ms - now_ms);
}

void backoff_retry(Backoff *backoff, uint32_t retry_after_s)
{
        uint64_t delay_ms = jitter_ms(backoff->next_ms);
        uint64_t asked_ms =
                (retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s : RETRY_AFTER_MAX_S) * 1000ULL;

        backoff->next_ms =
                backoff->next_ms * 2 < backoff->max_ms ? backoff->next_ms * 2 : backoff->max_ms;
        backoff->not_before_ms = monotonic_ms() + asked_ms;
        backoff->hurried = false;
        run_after(backoff, delay_ms > asked_ms ? delay_ms : asked_ms);
}

void backoff_stop(Backoff *backoff)
{
        backoff_reset(backoff);
        (void) sd_event_source_set_enabled(backoff->timer, SD_EVENT_OFF);
}

bool backoff_is_waiting(const Backoff *backoff)
{
        return sd_event_source_get_enabled(backoff->timer, NULL) > 0;
}

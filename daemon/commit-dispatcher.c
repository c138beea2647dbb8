/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/audit/audit.h"
#include "daemon/commit-dispatcher.h"

/* Long enough for the journal to take a few records, and short for who waits. */
#define PAUSE_USEC 2000U

/* A journal that has taken nothing for so long is not waited for until it does. */
#define PATIENCE_MS 5000U

struct Outcomes {
        Store *store;
        sd_event_source *ended; /* there are some; off during a pause */
        sd_event_source *pause;
        uint64_t stuck_since_ms; /* 0: there is room for records */
        uint64_t n_sent;         /* to the journal, until then */
};

static bool is_to_wait(Outcomes *outcomes)
{
        uint64_t n_sent = audit_n_sent();

        if (audit_has_room()) {
                outcomes->stuck_since_ms = 0;
                return false;
        }
        if (outcomes->stuck_since_ms == 0 || outcomes->n_sent != n_sent) {
                outcomes->stuck_since_ms = monotonic_ms();
                outcomes->n_sent = n_sent;
        }
        return monotonic_ms() - outcomes->stuck_since_ms < PATIENCE_MS;
}

static int pause_begin(Outcomes *outcomes)
{
        int r;

        r = sd_event_source_set_time_relative(outcomes->pause, PAUSE_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(outcomes->pause, SD_EVENT_ONESHOT);
        return r < 0 ? r : sd_event_source_set_enabled(outcomes->ended, SD_EVENT_OFF);
}

static int give(Outcomes *outcomes)
{
        bool wait;
        int r;

        while (!(wait = is_to_wait(outcomes)) && store_dispatch(outcomes->store))
                ;
        r = wait ? pause_begin(outcomes)
                 : sd_event_source_set_enabled(outcomes->ended, SD_EVENT_ON);
        return r;
}

static int on_ended(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_,
                    void *userdata)
{
        return give(userdata);
}

static int on_pause_over(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        return give(userdata);
}

int outcomes_new(sd_event *event, Store *store, Outcomes **ret)
{
        _cleanup_(outcomes_freep) Outcomes *outcomes = calloc(1, sizeof(Outcomes));
        int r;

        if (!outcomes)
                return -ENOMEM;
        outcomes->store = store;
        r = sd_event_add_io(event, &outcomes->ended, store_get_fd(store), EPOLLIN, on_ended,
                            outcomes);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &outcomes->pause, CLOCK_MONOTONIC, PAUSE_USEC,
                                               0, on_pause_over, outcomes);
        if (r >= 0)
                r = sd_event_source_set_enabled(outcomes->pause, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(outcomes);
        return 0;
}

bool outcomes_are_held(const Outcomes *outcomes)
{
        return sd_event_source_get_enabled(outcomes->pause, NULL) > 0;
}

Outcomes *outcomes_free(Outcomes *outcomes)
{
        if (!outcomes)
                return NULL;
        sd_event_source_disable_unref(outcomes->ended);
        sd_event_source_disable_unref(outcomes->pause);
        free(outcomes);
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/audit/audit.h"
#include "daemon/commit-dispatcher.h"

/* Pause while throttled: the journal takes a few records in this time. */
#define PAUSE_USEC 2000U

/* Back-pressure ends when the journal takes nothing for this long. */
#define STUCK_TIMEOUT_MS 5000U

struct CommitDispatcher {
        Store *store;
        sd_event_source *ended; /* store_get_fd(); off while throttled */
        sd_event_source *pause;
        uint64_t stuck_since_ms; /* 0: there is room for records */
        uint64_t n_sent;         /* records sent at that time */
};

static bool must_throttle(CommitDispatcher *dispatcher)
{
        uint64_t n_sent = audit_n_sent();

        if (audit_has_room()) {
                dispatcher->stuck_since_ms = 0;
                return false;
        }
        if (dispatcher->stuck_since_ms == 0 || dispatcher->n_sent != n_sent) {
                dispatcher->stuck_since_ms = monotonic_ms();
                dispatcher->n_sent = n_sent;
        }
        return monotonic_ms() - dispatcher->stuck_since_ms < STUCK_TIMEOUT_MS;
}

static int throttle(CommitDispatcher *dispatcher)
{
        int r;

        r = log_errno_origin(sd_event_source_set_time_relative(dispatcher->pause, PAUSE_USEC));
        if (r >= 0)
                r = log_errno_origin(
                        sd_event_source_set_enabled(dispatcher->pause, SD_EVENT_ONESHOT));
        return r < 0 ? r
                     : log_errno_origin(
                               sd_event_source_set_enabled(dispatcher->ended, SD_EVENT_OFF));
}

static int dispatch_commits(CommitDispatcher *dispatcher)
{
        bool wait;
        int r;

        while (!(wait = must_throttle(dispatcher)) && store_dispatch(dispatcher->store))
                ;
        r = wait ? throttle(dispatcher)
                 : log_errno_origin(sd_event_source_set_enabled(dispatcher->ended, SD_EVENT_ON));
        return r;
}

static int on_commits_ended(sd_event_source *source _unused_, int fd _unused_,
                            uint32_t revents _unused_, void *userdata)
{
        return dispatch_commits(userdata);
}

static int on_throttle_over(sd_event_source *source _unused_, uint64_t usec _unused_,
                            void *userdata)
{
        return dispatch_commits(userdata);
}

int commit_dispatcher_new(sd_event *event, Store *store, CommitDispatcher **ret)
{
        _cleanup_(commit_dispatcher_freep) CommitDispatcher *dispatcher =
                calloc(1, sizeof(CommitDispatcher));
        int r;

        if (!dispatcher)
                return -ENOMEM;
        dispatcher->store = store;
        r = log_errno_origin(sd_event_add_io(event, &dispatcher->ended, store_get_fd(store),
                                             EPOLLIN, on_commits_ended, dispatcher));
        if (r >= 0)
                r = log_errno_origin(sd_event_add_time_relative(event, &dispatcher->pause,
                                                                CLOCK_MONOTONIC, PAUSE_USEC, 0,
                                                                on_throttle_over, dispatcher));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(dispatcher->pause, SD_EVENT_OFF));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(dispatcher);
        return 0;
}

bool commit_dispatcher_is_throttled(const CommitDispatcher *dispatcher)
{
        return sd_event_source_get_enabled(dispatcher->pause, NULL) > 0;
}

CommitDispatcher *commit_dispatcher_free(CommitDispatcher *dispatcher)
{
        if (!dispatcher)
                return NULL;
        sd_event_source_disable_unref(dispatcher->ended);
        sd_event_source_disable_unref(dispatcher->pause);
        free(dispatcher);
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "daemon/health.h"

/* Checks per watchdog timeout, so that a late check does no harm. */
#define CHECKS_PER_TIMEOUT 4U
/* Retries per check interval if the ping could not be sent. */
#define RETRIES_PER_CHECK 128U

/* For the test read; the tenancy need not exist. */
#define TENANCY_ID "-"

struct Health {
        BusCheck *bus_check;
        Store *store;
        CommitDispatcher *dispatcher;
        Notify *notify;
        sd_event_source *timer;
        uint64_t interval_usec;
        StoreChange *writing; /* the write in progress; NULL: none */
};

/* Retries soon on failure. */
static void notify_watchdog(Health *health)
{
        if (!bus_check_is_alive(health->bus_check))
                log_error("The system bus does not answer; no watchdog ping sent");
        else if (!notify_alive(health->notify))
                (void) sd_event_source_set_time_relative(health->timer,
                                                         health->interval_usec / RETRIES_PER_CHECK);
}

static void on_written(int r, void *userdata)
{
        Health *health = userdata;

        assert(health->writing);
        health->writing = NULL;
        if (r != 0)
                log_error("Failed to write the link store; no watchdog ping sent");
        else
                notify_watchdog(health);
}

static void check_health(Health *health)
{
        uint64_t n_links;

        /* The write may be done: back-pressure from the journal delays its result. */
        if (health->writing && commit_dispatcher_is_throttled(health->dispatcher))
                notify_watchdog(health);
        else if (health->writing)
                log_error("The link store's writer thread hangs; no watchdog ping sent");
        else if (store_count(health->store, TENANCY_ID, &n_links) != 0)
                log_error("Failed to read the link store; no watchdog ping sent");
        else if (store_barrier(health->store, on_written, health, &health->writing) < 0)
                log_error("Failed to check the link store: out of memory; no watchdog ping sent");
}

static int on_health_timer(sd_event_source *timer, uint64_t usec _unused_, void *userdata)
{
        Health *health = userdata;
        int r;

        r = log_errno_origin(sd_event_source_set_time_relative(timer, health->interval_usec));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT));
        if (r >= 0) {
                bus_check_start(health->bus_check, health->interval_usec);
                check_health(health);
        }
        return r;
}

int health_new(sd_event *event, BusCheck *bus_check, Store *store, CommitDispatcher *dispatcher,
               Notify *notify, Health **ret)
{
        _cleanup_(health_freep) Health *health = calloc(1, sizeof(Health));
        uint64_t timeout_usec;
        int r;

        if (!health)
                return -ENOMEM;
        health->bus_check = bus_check;
        health->store = store;
        health->dispatcher = dispatcher;
        health->notify = notify;
        r = log_errno_origin(sd_watchdog_enabled(false, &timeout_usec));
        if (r < 0) {
                log_warning("Failed to parse $WATCHDOG_USEC or $WATCHDOG_PID; "
                            "no watchdog pings are sent");
                r = 0;
        }
        if (r > 0) {
                health->interval_usec = timeout_usec / CHECKS_PER_TIMEOUT;
                r = log_errno_origin(sd_event_add_time_relative(
                        event, &health->timer, CLOCK_MONOTONIC, 0, 0, on_health_timer, health));
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(health);
        return 0;
}

Health *health_free(Health *health)
{
        if (!health)
                return NULL;
        store_change_forget(health->writing);
        sd_event_source_disable_unref(health->timer);
        free(health);
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/log.h"
#include "daemon/bus-check.h"

/* Parts of the interval: a ping is late after a third. While it is, the second connection is looked
 * at so often; once it is connected, a late ping has another such time to return. */
#define TIMEOUTS_PER_INTERVAL 3U
#define LOOKS_PER_INTERVAL    12U

struct BusCheck {
        sd_event *event;
        Bus *bus;
        BusReplaceFunc replace;
        void *userdata;
        sd_event_source *timer; /* runs while a ping is pending */
        uint64_t interval_usec;
        Bus *fresh;         /* the second connection, or NULL */
        bool others_served; /* the second connection is open */
        bool failed;        /* to connect; logged once */
        bool alive;
};

static void arm(BusCheck *check, unsigned per_interval)
{
        (void) sd_event_source_set_time_relative(check->timer, check->interval_usec / per_interval);
        (void) sd_event_source_set_enabled(check->timer, SD_EVENT_ONESHOT);
}

static void end_doubt(BusCheck *check)
{
        check->fresh = bus_free(check->fresh);
        check->others_served = check->failed = false;
        check->alive = true;
}

/* Connects, without waiting. On failure the next look tries again. */
static void connect_again(BusCheck *check)
{
        int r;

        check->fresh = bus_free(check->fresh);
        check->others_served = false;
        r = bus_new(check->event, &(BusOwner){}, &check->fresh);
        if (r < 0 && !check->failed)
                log_warning("Failed to open a second connection to the bus: %s", strerror(-r));
        check->failed |= r < 0;
}

static void replace_bus(BusCheck *check)
{
        check->bus = TAKE_PTR(check->fresh);
        end_doubt(check);
        check->replace(check->bus, check->userdata);
}

/* The first connection is late: compares it with a second one. */
static void compare(BusCheck *check)
{
        if (check->others_served && bus_is_connected(check->fresh)) {
                replace_bus(check);
                return;
        }
        check->others_served = check->fresh && bus_is_connected(check->fresh);
        if (!check->others_served && (!check->fresh || bus_is_closed(check->fresh)))
                connect_again(check);
        arm(check, LOOKS_PER_INTERVAL);
}

static int on_timer(sd_event_source *timer _unused_, uint64_t usec _unused_, void *userdata)
{
        BusCheck *check = userdata;

        if (bus_is_stopping(check->bus) || bus_is_answered(check->bus)) {
                end_doubt(check);
        } else if (bus_has_progress(check->bus)) {
                end_doubt(check);
                arm(check, TIMEOUTS_PER_INTERVAL);
        } else {
                check->alive = false;
                compare(check);
        }
        return 0;
}

int bus_check_new(sd_event *event, Bus *bus, BusReplaceFunc replace, void *userdata, BusCheck **ret)
{
        _cleanup_(bus_check_freep) BusCheck *check = calloc(1, sizeof(BusCheck));
        int r;

        if (!check)
                return -ENOMEM;
        *check = (BusCheck){
                .event = event,
                .bus = bus,
                .replace = replace,
                .userdata = userdata,
                .alive = true,
        };
        r = sd_event_add_time(event, &check->timer, CLOCK_MONOTONIC, 0, 1, on_timer, check);
        if (r >= 0)
                r = sd_event_source_set_enabled(check->timer, SD_EVENT_OFF);
        if (log_errno_origin(r) < 0)
                return r;
        *ret = TAKE_PTR(check);
        return 0;
}

BusCheck *bus_check_free(BusCheck *check)
{
        if (!check)
                return NULL;
        bus_free(check->fresh);
        sd_event_source_disable_unref(check->timer);
        free(check);
        return NULL;
}

void bus_check_start(BusCheck *check, uint64_t interval_usec)
{
        /* The bus name has been released, and systemd's watchdog ended. */
        if (bus_is_stopping(check->bus))
                return;
        check->interval_usec = interval_usec;
        bus_ping(check->bus);
        if (sd_event_source_get_enabled(check->timer, NULL) <= 0)
                arm(check, TIMEOUTS_PER_INTERVAL);
}

bool bus_check_is_alive(const BusCheck *check)
{
        return check->alive;
}

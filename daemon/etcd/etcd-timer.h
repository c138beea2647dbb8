/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/* Creates a timer, disabled: enabling it later needs no memory. Returns 0 or a
 * negative errno. */
int etcd_timer_new(sd_event *event, sd_event_time_handler_t func, void *userdata,
                   sd_event_source **ret);
/* One expiry, at a time in CLOCK_MONOTONIC ms; at once if it has passed. */
void etcd_timer_set(sd_event_source *timer, uint64_t at_ms);
void etcd_timer_stop(sd_event_source *timer);

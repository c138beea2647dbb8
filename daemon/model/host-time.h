/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

#define BOOT_ID_LEN 16U

/* A timestamp that survives restarts. The wall clock may be set at any time, so within one boot
 * only CLOCK_BOOTTIME measures elapsed time. */
typedef struct HostTime {
        uint8_t boot_id[BOOT_ID_LEN]; /* zeroes: unknown */
        uint64_t boottime_ms;
        uint64_t realtime_ms;
} HostTime;

/* The boot id is from $BOOT_ID, or else from /proc if it is readable. */
void host_time_now(HostTime *ret);

/* Bounds of the time from `then` to `now`. Exact within one boot. After a reboot the wall clock
 * decides if plausible; otherwise *ret_max_ms is UINT64_MAX. */
void host_time_since(const HostTime *then, const HostTime *now, uint64_t *ret_min_ms,
                     uint64_t *ret_max_ms);

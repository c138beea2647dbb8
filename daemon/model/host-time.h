/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

#define BOOT_ID_LEN 16U

/*
 * A moment on this host, kept across restarts. The wall clock may be set at any time, so within one
 * boot the time that has passed is told by CLOCK_BOOTTIME alone.
 */
typedef struct HostTime {
        uint8_t boot_id[BOOT_ID_LEN]; /* zeroes: not known */
        uint64_t boottime_ms;
        uint64_t realtime_ms;
} HostTime;

/* The boot id is $BOOT_ID, or else the kernel's, if /proc shows it. */
void host_time_now(HostTime *ret);

/*
 * How long before `now` the moment `then` was. Within one boot both results are exact. After a
 * reboot the wall clock tells, if it can be right; else only that it was before this boot:
 * *ret_max_ms is UINT64_MAX.
 */
void host_time_since(const HostTime *then, const HostTime *now, uint64_t *ret_min_ms,
                     uint64_t *ret_max_ms);

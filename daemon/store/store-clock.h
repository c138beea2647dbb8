/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Ids and times that only go up, whatever becomes of the host's clocks: times are how long the
 * store has been open in all, on top of the latest time that is on disk, which after a crash is
 * that of the latest record. The writer's alone.
 */
typedef struct StoreClock {
        uint64_t last_id;
        uint64_t base_ms;
        uint64_t base_boottime_ms;
} StoreClock;

/* What is on disk reaches up to here. */
void store_clock_set(StoreClock *clock, uint64_t last_id, uint64_t now_ms);
uint64_t store_clock_next_id(StoreClock *clock);
uint64_t store_clock_now_ms(const StoreClock *clock);

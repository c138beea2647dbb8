/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * A monotonic source of ids and times that survives restarts and clock changes: the time is the
 * store's total open time. It continues from the latest time on disk, which after a crash is that
 * of the latest record. Used by the writer thread only.
 */
typedef struct StoreClock {
        uint64_t last_id;
        uint64_t base_ms;
        uint64_t base_boottime_ms;
} StoreClock;

/* Continues from the latest id and time on disk. */
void store_clock_set(StoreClock *clock, uint64_t last_id, uint64_t now_ms);
uint64_t store_clock_next_id(StoreClock *clock);
uint64_t store_clock_now_ms(const StoreClock *clock);

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/clock.h"
#include "daemon/store/lmdb/store-clock.h"

void store_clock_set(StoreClock *clock, uint64_t last_id, uint64_t now_ms)
{
        if (last_id > clock->last_id)
                clock->last_id = last_id;
        if (clock->base_boottime_ms > 0 && now_ms < store_clock_now_ms(clock))
                return;
        clock->base_ms = now_ms;
        clock->base_boottime_ms = boottime_ms();
}

uint64_t store_clock_next_id(StoreClock *clock)
{
        assert(clock->last_id < UINT64_MAX);
        return ++clock->last_id;
}

uint64_t store_clock_now_ms(const StoreClock *clock)
{
        return clock->base_ms + (boottime_ms() - clock->base_boottime_ms);
}

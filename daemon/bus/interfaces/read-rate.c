/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/bus/interfaces/read-rate.h"

#define SECOND_US        UINT64_C(1000000)
#define WINDOW_SECONDS   5U
#define BYTES_PER_SECOND ((size_t) 256 * 1024)

bool read_rate_is_low(ReadRate *rate, bool writers_wait, uint64_t now_us)
{
        bool is_low;

        if (!writers_wait) {
                *rate = (ReadRate){};
                return false;
        }
        if (rate->full_since_us == 0)
                rate->full_since_us = now_us;
        if (rate->full_us + (now_us - rate->full_since_us) < WINDOW_SECONDS * SECOND_US)
                return false;
        is_low = rate->n_bytes < WINDOW_SECONDS * BYTES_PER_SECOND;
        *rate = (ReadRate){.full_since_us = now_us};
        return is_low;
}

void read_rate_add(ReadRate *rate, size_t n_bytes, uint64_t now_us)
{
        if (rate->full_since_us > 0)
                rate->full_us += now_us - rate->full_since_us;
        rate->full_since_us = 0;
        if (rate->full_us > 0)
                rate->n_bytes += n_bytes;
}

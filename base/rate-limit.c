/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/rate-limit.h"

bool rate_limit_pass(RateLimit *limit, uint64_t now_ms, unsigned burst, uint64_t interval_ms,
                     unsigned *ret_n_refused)
{
        assert(burst > 0 && interval_ms > 0);
        *ret_n_refused = 0;
        if (limit->n == 0 || now_ms - limit->begun_at_ms >= interval_ms) {
                *ret_n_refused = limit->n_refused;
                *limit = (RateLimit){.begun_at_ms = now_ms};
        }
        if (limit->n >= burst) {
                limit->n_refused++;
                return false;
        }
        limit->n++;
        return true;
}

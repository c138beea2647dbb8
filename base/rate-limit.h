/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A fixed-window rate limit. Zero-initialised it is unused. */
typedef struct RateLimit {
        uint64_t begun_at_ms; /* begin of the current window */
        unsigned n;
        unsigned n_refused;
} RateLimit;

/* Whether one more event is within `burst` per `interval_ms`. For the first event of a window,
 * *ret_n_refused is the number refused in the previous one; otherwise 0. */
bool rate_limit_pass(RateLimit *limit, uint64_t now_ms, unsigned burst, uint64_t interval_ms,
                     unsigned *ret_n_refused);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A fixed-window rate limit. Initialize it with zeros. */
typedef struct RateLimit {
        uint64_t begun_at_ms; /* start of the current window */
        unsigned n;
        unsigned n_refused;
} RateLimit;

/* Counts an event. Returns false if it exceeds `burst` events per `interval_ms`. The first event of
 * a window gets the number of events refused in the previous window in *ret_n_refused; others get
 * 0. */
bool rate_limit_pass(RateLimit *limit, uint64_t now_ms, unsigned burst, uint64_t interval_ms,
                     unsigned *ret_n_refused);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* So many of a thing in so long a time, and no more. Zero-initialised it has seen none. */
typedef struct RateLimit {
        uint64_t begun_at_ms; /* the interval that is counted in */
        unsigned n;
        unsigned n_refused;
} RateLimit;

/*
 * Is this one within `burst` in `interval_ms`? If it is the first of an interval, *ret_n_refused is
 * how many of the one before were not; else it is 0.
 */
bool rate_limit_pass(RateLimit *limit, uint64_t now_ms, unsigned burst, uint64_t interval_ms,
                     unsigned *ret_n_refused);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* How fast a subscriber reads while writers wait for it. Only time in which it leaves no room for
 * the next signal counts, so that a busy bus is not held against it. Zero-initialised it is new. */
typedef struct ReadRate {
        uint64_t full_since_us; /* without room; 0: has room */
        uint64_t full_us;       /* before that */
        size_t n_bytes;         /* sent in that time, as the subscriber read */
} ReadRate;

/* The subscriber has no room. Returns whether it has read too slowly for the writers, for long. */
bool read_rate_is_low(ReadRate *rate, bool writers_wait, uint64_t now_us);
/* The subscriber had room for a signal of `n_bytes`. */
void read_rate_add(ReadRate *rate, size_t n_bytes, uint64_t now_us);

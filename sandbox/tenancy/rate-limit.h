/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* Sliding-window rate limit per subject. */

enum { RATE_LIMIT_SUBJECTS_MAX = 10000 };

typedef struct RateLimit {
        json_t *times; /* {subject: [milliseconds, ...]}, oldest subject first */
} RateLimit;

typedef struct RateLimitRule {
        uint32_t max; /* 0: no limit */
        int64_t window_ms;
} RateLimitRule;

void rate_limit_init(RateLimit *limit);
void rate_limit_done(RateLimit *limit);

/* Takes one slot and returns 0, or returns the milliseconds until a slot is free. */
int64_t rate_limit_take(RateLimit *limit, const RateLimitRule *rule, const char *subject,
                        int64_t now_ms);

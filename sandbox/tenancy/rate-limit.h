/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* How often something may happen to each subject within a sliding window of time. */

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

/* Counts one more and returns 0; or, if that is too many, the milliseconds until it is not. */
int64_t rate_limit_take(RateLimit *limit, const RateLimitRule *rule, const char *subject,
                        int64_t now_ms);

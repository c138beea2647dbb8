/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A token bucket: `per_s` tokens a second, at most `burst` at once. */
typedef struct TokenBucket {
        uint64_t filled_at_ms;
        uint64_t used_milli; /* thousandths of a token; zero-initialised the bucket is full */
} TokenBucket;

/* Takes n tokens. Returns false, and takes none, if there are fewer. */
bool token_bucket_take(TokenBucket *bucket, uint64_t now_ms, uint32_t per_s, uint32_t burst,
                       uint32_t n);

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/token-bucket.h"

/* Tokens used that were not refilled yet, in thousandths. */
static uint64_t still_used(const TokenBucket *bucket, uint64_t now_ms, uint32_t per_s)
{
        uint64_t elapsed_ms = now_ms > bucket->filled_at_ms ? now_ms - bucket->filled_at_ms : 0;

        /* One token a second is one thousandth a millisecond. */
        if (per_s > 0 && elapsed_ms >= bucket->used_milli / per_s + 1)
                return 0;
        return bucket->used_milli - elapsed_ms * per_s;
}

bool token_bucket_take(TokenBucket *bucket, uint64_t now_ms, uint32_t per_s, uint32_t burst,
                       uint32_t n)
{
        uint64_t used_milli = still_used(bucket, now_ms, per_s);

        *bucket = (TokenBucket){.filled_at_ms = now_ms, .used_milli = used_milli};
        if (used_milli + UINT64_C(1000) * n > UINT64_C(1000) * burst)
                return false;
        bucket->used_milli += UINT64_C(1000) * n;
        return true;
}

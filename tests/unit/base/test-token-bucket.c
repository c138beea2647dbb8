/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/token-bucket.h"
#include "tests/unit/test.h"

static void test_burst_and_rate(void **state)
{
        TokenBucket bucket = {};

        for (unsigned i = 0; i < 3; i++)
                assert_true(token_bucket_take(&bucket, 1000, 2, 3, 1));
        assert_false(token_bucket_take(&bucket, 1000, 2, 3, 1));

        /* Two tokens a second. */
        assert_false(token_bucket_take(&bucket, 1499, 2, 3, 1));
        assert_true(token_bucket_take(&bucket, 1500, 2, 3, 1));
        assert_false(token_bucket_take(&bucket, 1501, 2, 3, 1));

        /* Never more than the burst. */
        assert_false(token_bucket_take(&bucket, 100000, 2, 3, 4));
        assert_true(token_bucket_take(&bucket, 100000, 2, 3, 3));
        assert_false(token_bucket_take(&bucket, 100000, 2, 3, 1));
}

/* Fractions of tokens are not lost when the bucket is asked often. */
static void test_fractions(void **state)
{
        TokenBucket bucket = {};
        unsigned n = 0;

        assert_true(token_bucket_take(&bucket, 0, 1, 10, 10));
        for (uint64_t now_ms = 1; now_ms <= 5000; now_ms++)
                n += token_bucket_take(&bucket, now_ms, 1, 10, 1);
        assert_int_equal(n, 5);
}

static void test_clock_and_limits(void **state)
{
        TokenBucket bucket = {};

        assert_true(token_bucket_take(&bucket, 5000, 1, 1, 1));
        /* An earlier time gives nothing. */
        assert_false(token_bucket_take(&bucket, 4000, 1, 1, 1));
        /* Without a rate it is never refilled. */
        bucket = (TokenBucket){};
        assert_true(token_bucket_take(&bucket, 0, 0, 1, 1));
        assert_false(token_bucket_take(&bucket, UINT32_MAX, 0, 1, 1));
        /* No overflow. */
        bucket = (TokenBucket){};
        assert_true(token_bucket_take(&bucket, 0, UINT32_MAX, UINT32_MAX, UINT32_MAX));
        assert_false(token_bucket_take(&bucket, 0, UINT32_MAX, UINT32_MAX, 1));
        assert_true(token_bucket_take(&bucket, UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_burst_and_rate),
                cmocka_unit_test(test_fractions),
                cmocka_unit_test(test_clock_and_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

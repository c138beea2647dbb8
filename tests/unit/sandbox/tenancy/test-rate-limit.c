/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "sandbox/tenancy/rate-limit.h"
#include "tests/unit/test.h"

static const RateLimitRule rule = {.max = 2, .window_ms = 100};

static void test_window(void **state)
{
        _cleanup_(rate_limit_done) RateLimit limit = {};

        rate_limit_init(&limit);
        assert_int_equal(rate_limit_take(&limit, &rule, "a", 1000), 0);
        assert_int_equal(rate_limit_take(&limit, &rule, "a", 1040), 0);
        assert_int_equal(rate_limit_take(&limit, &rule, "a", 1050), 50);
        assert_int_equal(rate_limit_take(&limit, &rule, "a", 1099), 1);
        assert_int_equal(rate_limit_take(&limit, &rule, "b", 1099), 0);
        /* Refused requests do not count, and the window slides. */
        assert_int_equal(rate_limit_take(&limit, &rule, "a", 1100), 0);
        assert_int_equal(rate_limit_take(&limit, &rule, "a", 1100), 40);
        assert_int_equal(rate_limit_take(&limit, &rule, "a", 1140), 0);
}

static void test_none(void **state)
{
        _cleanup_(rate_limit_done) RateLimit limit = {};
        RateLimitRule none = {};

        rate_limit_init(&limit);
        for (int i = 0; i < 100; i++)
                assert_int_equal(rate_limit_take(&limit, &none, "a", 1000), 0);
        assert_int_equal(json_object_size(limit.times), 0);
}

static void test_many_subjects(void **state)
{
        _cleanup_(rate_limit_done) RateLimit limit = {};

        rate_limit_init(&limit);
        for (int i = 0; i <= RATE_LIMIT_SUBJECTS_MAX; i++) {
                char subject[16];

                snprintf(subject, sizeof(subject), "%d", i);
                for (int j = 0; j < 2; j++)
                        assert_int_equal(rate_limit_take(&limit, &rule, subject, 1000), 0);
        }
        assert_int_equal(json_object_size(limit.times), RATE_LIMIT_SUBJECTS_MAX);
        assert_int_equal(rate_limit_take(&limit, &rule, "1", 1000), 100);
        assert_int_equal(rate_limit_take(&limit, &rule, "0", 1000), 0); /* dropped */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_window),
                cmocka_unit_test(test_none),
                cmocka_unit_test(test_many_subjects),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

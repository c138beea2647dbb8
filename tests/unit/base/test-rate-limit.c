/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/rate-limit.h"
#include "tests/unit/test.h"

static void test_burst(void **state)
{
        RateLimit limit = {};
        unsigned n_refused = 99;

        for (unsigned i = 0; i < 3; i++) {
                assert_true(rate_limit_pass(&limit, 1000 + i, 3, 100, &n_refused));
                assert_int_equal(n_refused, 0);
        }
        assert_false(rate_limit_pass(&limit, 1099, 3, 100, &n_refused));
        assert_false(rate_limit_pass(&limit, 1099, 3, 100, &n_refused));
        assert_int_equal(n_refused, 0);

        /* A new window reports the number of refusals in the previous one. */
        assert_true(rate_limit_pass(&limit, 1100, 3, 100, &n_refused));
        assert_int_equal(n_refused, 2);
        assert_true(rate_limit_pass(&limit, 1101, 3, 100, &n_refused));
        assert_int_equal(n_refused, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_burst)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}

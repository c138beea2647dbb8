/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/store/lmdb/tenancy-cache.h"
#include "tests/unit/test.h"

static void test_cache(void **state)
{
        static const char *const ids[] = {"m", "z", "a", "ma", "n", "b", "zz", "M"};
        TenancyCache cache = {};
        uint32_t number = 99;

        assert_false(tenancy_cache_get(&cache, "m", &number));
        for (uint32_t i = 0; i < ARRAY_SIZE(ids); i++) {
                assert_false(tenancy_cache_get(&cache, ids[i], &number));
                assert_int_equal(number, i > 0 ? i - 1 : 99);
                tenancy_cache_add(&cache, ids[i], i);
                for (uint32_t j = 0; j <= i; j++) {
                        assert_true(tenancy_cache_get(&cache, ids[j], &number));
                        assert_int_equal(number, j);
                }
        }
        tenancy_cache_clear(&cache);
        assert_false(tenancy_cache_get(&cache, "m", &number));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cache),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

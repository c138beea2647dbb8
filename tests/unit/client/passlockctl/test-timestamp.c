/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <time.h>

#include "client/passlockctl/terminal/timestamp.h"
#include "tests/unit/test.h"

#define NOW UINT64_C(1700000000000000)

static uint64_t parsed(const char *text)
{
        uint64_t us = 0;

        assert_int_equal(timestamp_parse(text, NOW, &us), 0);
        return us;
}

static void test_before_now(void **state)
{
        assert_int_equal(parsed("-0s"), NOW);
        assert_int_equal(parsed("-90s"), NOW - UINT64_C(90000000));
        assert_int_equal(parsed("-15min"), NOW - UINT64_C(900000000));
        assert_int_equal(parsed("-2h"), NOW - UINT64_C(7200000000));
        assert_int_equal(parsed("-3d"), NOW - UINT64_C(259200000000));
        assert_int_equal(parsed("-1700000000s"), 0);
}

static void test_since_the_epoch(void **state)
{
        assert_int_equal(parsed("@0"), 0);
        assert_int_equal(parsed("@1700000001"), NOW + 1000000);
        assert_int_equal(parsed("@999999999999"), UINT64_C(999999999999000000));
}

static void test_dates(void **state)
{
        setenv("TZ", "UTC-1", 1); /* an hour east of Greenwich */
        tzset();
        assert_int_equal(parsed("2023-11-14"), NOW - UINT64_C(83600000000));
        assert_int_equal(parsed("2023-11-14 23:13"), NOW - 20000000);
        assert_int_equal(parsed("2023-11-14 23:13:20"), NOW);
        assert_int_equal(parsed("2024-02-29"), UINT64_C(1709161200000000));
}

static void test_invalid(void **state)
{
        static const char *const texts[] = {
                "",    "-",    "@",   "-1",         "-s",           "-1w",
                "-1S", "--1s", "@-1", "2023-02-29", "2023-11-14T1", "-1700000001s",
        };
        uint64_t us = 7;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                assert_int_equal(timestamp_parse(texts[i], NOW, &us), -EINVAL);
        assert_int_equal(us, 7);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_before_now),
                cmocka_unit_test(test_since_the_epoch),
                cmocka_unit_test(test_dates),
                cmocka_unit_test(test_invalid),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/bus/interfaces/read-rate.h"
#include "tests/unit/test.h"

#define STEP_US UINT64_C(100000)
#define MINUTE  (UINT64_C(60) * 1000000)

/* Reads a signal of `n_bytes` after every `steps` steps without room. Returns when the rate is low;
 * 0: not within a minute. */
static uint64_t read_at(size_t n_bytes, unsigned steps, bool writers_wait)
{
        uint64_t begin_us = 1000, now_us = begin_us;
        ReadRate rate = {};

        for (unsigned i = 1; now_us < begin_us + MINUTE; i++, now_us += STEP_US) {
                if (read_rate_is_low(&rate, writers_wait, now_us))
                        return now_us - begin_us;
                if (i % steps == 0)
                        read_rate_add(&rate, n_bytes, now_us + STEP_US / 2);
        }
        return 0;
}

static void test_slow_reader(void **state)
{
        uint64_t us = read_at(64 * 1024, 5, true);

        assert_in_range(us, 5 * 1000000, 7 * 1000000);
}

static void test_reader_that_keeps_up(void **state)
{
        assert_int_equal(read_at(128 * 1024, 2, true), 0);
}

static void test_nobody_waits(void **state)
{
        assert_int_equal(read_at(1024, 5, false), 0);
}

/* Time with room does not count: the bus may be busy. */
static void test_busy_bus(void **state)
{
        uint64_t now_us = 1000;
        ReadRate rate = {};

        for (unsigned i = 0; i < 100; i++, now_us += 1000000) {
                assert_false(read_rate_is_low(&rate, true, now_us));
                read_rate_add(&rate, 16 * 1024, now_us + 10000);
        }
}

/* A pause of the writers begins a new measurement. */
static void test_writers_pause(void **state)
{
        uint64_t now_us = 1000;
        ReadRate rate = {};

        for (unsigned i = 0; i < 4; i++) {
                for (unsigned j = 0; j < 40; j++, now_us += STEP_US)
                        assert_false(read_rate_is_low(&rate, true, now_us));
                assert_false(read_rate_is_low(&rate, false, now_us));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_slow_reader),   cmocka_unit_test(test_reader_that_keeps_up),
                cmocka_unit_test(test_nobody_waits),  cmocka_unit_test(test_busy_bus),
                cmocka_unit_test(test_writers_pause),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

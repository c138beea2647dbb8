/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <time.h>

#include "daemon/model/host-time.h"
#include "tests/unit/test.h"

static uint64_t realtime_s = 1000000, boottime_s = 5000;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
        *ret = (struct timespec){
                .tv_sec = (time_t) (clock == CLOCK_BOOTTIME ? boottime_s : realtime_s)};
        return 0;
}

static void check_since(const HostTime *then, uint64_t min_s, uint64_t max_s)
{
        uint64_t min_ms, max_ms;
        HostTime now;

        host_time_now(&now);
        host_time_since(then, &now, &min_ms, &max_ms);
        assert_true(min_ms == min_s * 1000);
        assert_true(max_ms == (max_s == UINT64_MAX ? UINT64_MAX : max_s * 1000));
}

/* $BOOT_ID is read once, so this is the id of all the tests. */
static void test_boot_id(void **state)
{
        const uint8_t id[BOOT_ID_LEN] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                         0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
        HostTime now;

        setenv("BOOT_ID", "01234567-89ab-cdef-0123-456789abcdef", 1);
        host_time_now(&now);
        assert_memory_equal(now.boot_id, id, BOOT_ID_LEN);
        assert_true(now.realtime_ms == realtime_s * 1000);
        assert_true(now.boottime_ms == boottime_s * 1000);
}

/* Independent of the wall clock. */
static void test_same_boot(void **state)
{
        HostTime then;

        host_time_now(&then);
        boottime_s += 90;
        realtime_s += 90;
        check_since(&then, 90, 90);
        realtime_s += 7200;
        check_since(&then, 90, 90);
        realtime_s -= 86400;
        check_since(&then, 90, 90);
}

static void test_after_a_reboot(void **state)
{
        HostTime then;

        host_time_now(&then);
        then.boot_id[0] ^= 1;
        boottime_s = 30;
        realtime_s += 600;
        check_since(&then, 600, 600);

        /* The wall clock was set back: only "before this boot" is known. */
        realtime_s -= 590;
        check_since(&then, 10, UINT64_MAX);
        realtime_s -= 3600;
        check_since(&then, 0, UINT64_MAX);
}

static void test_unknown_boot(void **state)
{
        HostTime then = {.realtime_ms = realtime_s * 1000, .boottime_ms = boottime_s * 1000}, now;
        uint64_t min_ms, max_ms;

        now = then;
        now.boottime_ms += 5000;
        now.realtime_ms += 5000;
        host_time_since(&then, &now, &min_ms, &max_ms);
        assert_true(max_ms == UINT64_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_boot_id),
                cmocka_unit_test(test_same_boot),
                cmocka_unit_test(test_after_a_reboot),
                cmocka_unit_test(test_unknown_boot),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

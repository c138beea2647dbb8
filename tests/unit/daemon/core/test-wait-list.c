/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/clock.h"
#include "daemon/core/wait-list.h"
#include "tests/unit/test.h"

#define TIMEOUT_MS 50U

static sd_event *event;
static WaitList *list;
static unsigned n_runs, order[8];

static int set_up(void **state)
{
        n_runs = 0;
        assert_true(sd_event_new(&event) >= 0);
        return wait_list_new(event, TIMEOUT_MS, &list);
}

static int tear_down(void **state)
{
        wait_list_free(list);
        event = sd_event_unref(event);
        return 0;
}

static void on_run(void *userdata)
{
        order[n_runs++] = *(unsigned *) userdata;
}

static void on_run_again(void *userdata)
{
        on_run(userdata);
        assert_int_equal(wait_list_add(list, on_run, userdata), 0);
}

static void on_run_and_free(void *userdata)
{
        on_run(userdata);
        list = wait_list_free(list);
}

static void run_until(unsigned n)
{
        uint64_t deadline_ms = monotonic_ms() + 60000;

        while (n_runs < n) {
                assert_true(monotonic_ms() < deadline_ms);
                assert_true(sd_event_run(event, 1000000) >= 0);
        }
}

static void test_wake(void **state)
{
        unsigned numbers[] = {1, 2, 3};

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                assert_int_equal(wait_list_add(list, on_run, &numbers[i]), 0);
        wait_list_wake(list);
        assert_int_equal(n_runs, 3);
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                assert_int_equal(order[i], numbers[i]);
        wait_list_wake(list);
        assert_int_equal(n_runs, 3);
}

/* Each callback has its own deadline. */
static void test_timeout(void **state)
{
        unsigned first = 1, second = 2;
        uint64_t begun_at_ms = monotonic_ms();

        assert_int_equal(wait_list_add(list, on_run, &first), 0);
        while (monotonic_ms() - begun_at_ms < TIMEOUT_MS / 2)
                assert_true(sd_event_run(event, 1000) >= 0);
        assert_int_equal(wait_list_add(list, on_run, &second), 0);
        run_until(1);
        assert_true(monotonic_ms() - begun_at_ms >= TIMEOUT_MS);
        assert_int_equal(order[0], 1);
        run_until(2);
        assert_true(monotonic_ms() - begun_at_ms >= TIMEOUT_MS + TIMEOUT_MS / 2);
        assert_int_equal(order[1], 2);
}

static void test_function_waits_again(void **state)
{
        unsigned number = 1;

        assert_int_equal(wait_list_add(list, on_run_again, &number), 0);
        wait_list_wake(list);
        assert_int_equal(n_runs, 1);
        run_until(2);
}

static void test_function_frees_the_list(void **state)
{
        unsigned numbers[] = {1, 2};

        assert_int_equal(wait_list_add(list, on_run_and_free, &numbers[0]), 0);
        assert_int_equal(wait_list_add(list, on_run, &numbers[1]), 0);
        run_until(1);
        run_until(n_runs);
        assert_null(list);
}

static void test_free_runs_nothing(void **state)
{
        unsigned number = 1;

        assert_int_equal(wait_list_add(list, on_run, &number), 0);
        list = wait_list_free(list);
        assert_int_equal(n_runs, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_wake),
                TEST(test_timeout),
                TEST(test_function_waits_again),
                TEST(test_function_frees_the_list),
                TEST(test_free_runs_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

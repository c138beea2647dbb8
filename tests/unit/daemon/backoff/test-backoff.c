/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/backoff/backoff.h"
#include "tests/unit/test.h"

/* A link-time fake of the event loop: one timer, no real time. */
static struct {
        sd_event_time_handler_t callback;
        void *userdata;
        uint64_t delay_usec;
        int enabled;
} timer;

int sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock,
                               uint64_t usec, uint64_t accuracy, sd_event_time_handler_t callback,
                               void *userdata)
{
        timer.callback = callback;
        timer.userdata = userdata;
        timer.enabled = SD_EVENT_ONESHOT;
        *ret = (sd_event_source *) &timer;
        return 0;
}

int sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec)
{
        timer.delay_usec = usec;
        return 0;
}

int sd_event_source_set_enabled(sd_event_source *source, int enabled)
{
        timer.enabled = enabled;
        return 0;
}

int sd_event_source_get_enabled(sd_event_source *source, int *ret)
{
        return timer.enabled != SD_EVENT_OFF;
}

sd_event_source *sd_event_source_disable_unref(sd_event_source *source)
{
        return NULL;
}

static Backoff *backoff;
static unsigned n_runs;

static void on_run(void *userdata)
{
        n_runs++;
}

static int set_up(void **state)
{
        n_runs = 0;
        return backoff_new(NULL, 1000, 8000, on_run, NULL, &backoff);
}

static int tear_down(void **state)
{
        backoff = backoff_free(backoff);
        return 0;
}

/* The one-shot timer elapses. */
static void let_run(void)
{
        assert_int_equal(timer.enabled, SD_EVENT_ONESHOT);
        timer.enabled = SD_EVENT_OFF;
        assert_int_equal(timer.callback(NULL, 0, timer.userdata), 0);
}

static void test_created_stopped(void **state)
{
        assert_false(backoff_is_waiting(backoff));
        backoff_start(backoff);
        assert_true(backoff_is_waiting(backoff));
        assert_int_equal(timer.delay_usec, 0);
        let_run();
        assert_int_equal(n_runs, 1);
        assert_false(backoff_is_waiting(backoff));
}

static void test_doubles_up_to_a_limit(void **state)
{
        const uint64_t bases_ms[] = {1000, 2000, 4000, 8000, 8000, 8000};

        for (size_t i = 0; i < ARRAY_SIZE(bases_ms); i++) {
                backoff_retry(backoff, 0);
                assert_in_range(timer.delay_usec / 1000, bases_ms[i] / 2, bases_ms[i] * 3 / 2);
                let_run();
        }
        backoff_start(backoff);
        backoff_retry(backoff, 0);
        assert_in_range(timer.delay_usec / 1000, 500, 1500);
        backoff_retry(backoff, 0);
        backoff_stop(backoff);
        assert_false(backoff_is_waiting(backoff));
        backoff_retry(backoff, 0);
        assert_in_range(timer.delay_usec / 1000, 500, 1500);
}

static void test_jitter(void **state)
{
        uint64_t low = UINT64_MAX, high = 0;

        for (unsigned i = 0; i < 200; i++) {
                backoff_stop(backoff);
                backoff_retry(backoff, 0);
                low = timer.delay_usec < low ? timer.delay_usec : low;
                high = timer.delay_usec > high ? timer.delay_usec : high;
        }
        assert_true(low < 700000);
        assert_true(high > 1300000);
}

/* The longer delay wins, up to a limit. */
static void test_retry_after(void **state)
{
        backoff_retry(backoff, 60);
        assert_int_equal(timer.delay_usec, 60000000);
        backoff_retry(backoff, 1);
        assert_in_range(timer.delay_usec, 1000000, 3000000);
        backoff_retry(backoff, UINT32_MAX);
        assert_int_equal(timer.delay_usec, UINT64_C(3600000000));
}

/* A hurried retry has the shortest delay, once; later delays are unchanged. */
static void test_hurry(void **state)
{
        backoff_hurry(backoff);
        assert_false(backoff_is_waiting(backoff));
        for (unsigned i = 0; i < 4; i++)
                backoff_retry(backoff, 0);
        assert_in_range(timer.delay_usec / 1000, 4000, 12000);
        backoff_hurry(backoff);
        assert_in_range(timer.delay_usec / 1000, 500, 1500);
        let_run();

        backoff_retry(backoff, 0);
        for (unsigned i = 0; i < 2; i++) {
                backoff_hurry(backoff);
                assert_in_range(timer.delay_usec / 1000, 4000, 12000);
        }
        let_run();
        backoff_retry(backoff, 0);
        backoff_hurry(backoff);
        assert_in_range(timer.delay_usec / 1000, 500, 1500);
}

/* A hurried retry does not start before Retry-After. */
static void test_hurry_after_retry_after(void **state)
{
        backoff_retry(backoff, 60);
        timer.delay_usec = 0;
        backoff_hurry(backoff);
        assert_int_equal(timer.delay_usec, 0);
        backoff_retry(backoff, 2);
        backoff_retry(backoff, 2);
        backoff_retry(backoff, 2);
        assert_in_range(timer.delay_usec / 1000, 4000, 12000);
        backoff_hurry(backoff);
        assert_in_range(timer.delay_usec / 1000, 1900, 2000);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_created_stopped), TEST(test_doubles_up_to_a_limit),
                TEST(test_jitter),          TEST(test_retry_after),
                TEST(test_hurry),           TEST(test_hurry_after_retry_after),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

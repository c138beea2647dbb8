/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/api/api-breaker.h"
#include "tests/unit/test.h"

static bool record(ApiBreaker *breaker, uint64_t started_ms, uint64_t now_ms, unsigned status)
{
        const ApiAttempt attempt = {.started_ms = started_ms, .status = status};

        return api_breaker_record(breaker, &attempt, now_ms);
}

/* A failure that took no time. */
static bool record_failure(ApiBreaker *breaker, uint64_t now_ms)
{
        return record(breaker, now_ms, now_ms, 0);
}

static bool record_probe(ApiBreaker *breaker, uint64_t now_ms, unsigned status)
{
        const ApiAttempt probe = {.started_ms = now_ms, .status = status, .is_probe = true};

        return api_breaker_record(breaker, &probe, now_ms);
}

static void test_opens_after_failures_in_a_row(void **state)
{
        ApiBreaker breaker = {};

        for (unsigned i = 0; i < 4; i++)
                assert_false(record_failure(&breaker, 10000 + i));
        /* Five, but within a second: retries may bridge it. */
        assert_false(record_probe(&breaker, 10999, 0));
        assert_false(breaker.open);
        assert_true(record_probe(&breaker, 11000, 0));
        assert_true(breaker.open);
        assert_false(record_failure(&breaker, 11001));

        assert_true(record(&breaker, 12000, 12010, 200));
        assert_false(breaker.open);
        for (unsigned i = 0; i < 4; i++)
                assert_false(record_failure(&breaker, 13000 + 1000 * i));
        assert_true(record_probe(&breaker, 17000, 0));
        assert_true(record(&breaker, 18000, 18010, 404));
}

static void test_a_success_in_between_counts(void **state)
{
        ApiBreaker breaker = {};

        for (unsigned i = 0; i < 20; i++) {
                assert_false(record_failure(&breaker, 10000 + 1000 * i));
                if (i % 4 == 3)
                        assert_false(record(&breaker, 10000 + 1000 * i, 10500 + 1000 * i, 200));
        }
        /* A success while the failed attempt was under way: the server is there. */
        for (unsigned i = 0; i < 20; i++)
                assert_false(record(&breaker, 29000, 39000 + i, 0));
        assert_false(breaker.open);
}

static void record_retry_after(ApiBreaker *breaker, uint64_t now_ms, uint32_t retry_after_s)
{
        const ApiAttempt attempt = {
                .started_ms = now_ms,
                .status = 503,
                .retry_after_s = retry_after_s,
        };

        (void) api_breaker_record(breaker, &attempt, now_ms);
}

static void test_quick_failures_need_a_failed_probe(void **state)
{
        ApiBreaker breaker = {};

        for (unsigned i = 0; i < 20; i++)
                assert_false(record(&breaker, 10000 + 1000 * i, 10000 + 1000 * i, 500));
        for (unsigned i = 0; i < 20; i++)
                assert_false(record(&breaker, 30000 + 1000 * i, 30999 + 1000 * i, 0));
        assert_true(record_probe(&breaker, 60000, 503));

        breaker = (ApiBreaker){};
        assert_false(record_probe(&breaker, 40000, 503));
        assert_false(breaker.open);
        /* The server is overloaded, and says so. */
        for (unsigned i = 0; i < 5; i++)
                record_retry_after(&breaker, 41000 + 1000 * i, 1);
        assert_true(breaker.open);
}

static void test_timeouts_need_no_probe(void **state)
{
        ApiBreaker breaker = {};

        for (unsigned i = 0; i < 4; i++)
                assert_false(record(&breaker, 10000 + i, 11000 + i, 0));
        assert_true(record(&breaker, 10004, 11004, 0));
}

static void test_callers_that_give_up_raise_doubts(void **state)
{
        ApiBreaker breaker = {};

        for (unsigned i = 0; i < 5; i++) {
                const ApiAttempt attempt = {.started_ms = 10000 + i, .gave_up = true};

                assert_false(api_breaker_has_doubts(&breaker));
                assert_false(api_breaker_record(&breaker, &attempt, 20000 + i));
        }
        assert_true(api_breaker_has_doubts(&breaker));
        assert_false(breaker.open);
        assert_true(record_probe(&breaker, 21000, 0));
}

static void test_one_long_wait_is_enough(void **state)
{
        ApiBreaker breaker = {};

        assert_false(record(&breaker, 10000, 14999, 0));
        assert_true(record(&breaker, 10000, 15000, 0));
        assert_true(breaker.open);
}

static void test_no_probe_before_retry_after(void **state)
{
        ApiAttempt probe = {.started_ms = 14000, .status = 503, .is_probe = true};
        ApiBreaker breaker = {};

        (void) record_failure(&breaker, 10000);
        assert_true(breaker.probe_at_ms <= 10000);
        record_retry_after(&breaker, 11000, 30);
        assert_int_equal(breaker.probe_at_ms, 41000);
        /* A later failure without Retry-After does not shorten it. */
        (void) record_failure(&breaker, 12000);
        assert_int_equal(breaker.probe_at_ms, 41000);
        assert_int_equal(api_breaker_retry_after_s(&breaker, 40001), 1);
        assert_int_equal(api_breaker_retry_after_s(&breaker, 39999), 2);
        assert_int_equal(api_breaker_retry_after_s(&breaker, 50000), 1);
        /* An absurd one is not believed. */
        record_retry_after(&breaker, 13000, UINT32_MAX);
        assert_int_equal(breaker.probe_at_ms, 13000 + 30 * 1000);
        probe.retry_after_s = UINT32_MAX;
        (void) api_breaker_record(&breaker, &probe, 14000);
        assert_int_equal(breaker.probe_at_ms, 14000 + 300 * 1000);
        /* A rate limit is a reply, and binds the probes. */
        probe.status = 429;
        probe.retry_after_s = 60;
        (void) api_breaker_record(&breaker, &probe, 15000);
        assert_int_equal(breaker.probe_at_ms, 15000 + 60 * 1000);
        probe.retry_after_s = 0;
        (void) api_breaker_record(&breaker, &probe, 15500);
        assert_int_equal(breaker.probe_at_ms, 15500 + 5 * 1000);
        (void) record(&breaker, 16000, 16000, 200);
        assert_int_equal(breaker.probe_at_ms, 0);
}

static void test_a_fifth_of_requests_are_retries(void **state)
{
        ApiBreaker breaker = {};
        unsigned n_retries = 0;

        /* Some are saved up. */
        while (api_breaker_take_retry(&breaker))
                n_retries++;
        assert_in_range(n_retries, 10, 100);
        for (n_retries = 0; breaker.n_failures < 1000; breaker.n_failures++) {
                api_breaker_count_call(&breaker);
                n_retries += api_breaker_take_retry(&breaker);
        }
        assert_in_range(n_retries, 190, 200);

        breaker = (ApiBreaker){.open = true};
        assert_false(api_breaker_take_retry(&breaker));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_opens_after_failures_in_a_row),
                cmocka_unit_test(test_a_success_in_between_counts),
                cmocka_unit_test(test_quick_failures_need_a_failed_probe),
                cmocka_unit_test(test_timeouts_need_no_probe),
                cmocka_unit_test(test_callers_that_give_up_raise_doubts),
                cmocka_unit_test(test_one_long_wait_is_enough),
                cmocka_unit_test(test_no_probe_before_retry_after),
                cmocka_unit_test(test_a_fifth_of_requests_are_retries),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

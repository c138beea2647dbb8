/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "dbus/error.h"
#include "tests/unit/store-fixture.h"

static void on_done(int r, void *userdata)
{
        Outcome *outcome = userdata;

        outcome->r = r;
        outcome->n_calls++;
}

static uint64_t mark_of(Store *store, const char *tenancy)
{
        uint64_t since_ms = UINT64_MAX;

        assert_int_equal(store_get_unsettled(store, tenancy, &since_ms), 0);
        return since_ms;
}

static void set_mark(Store *store, const char *tenancy, uint64_t since_ms)
{
        Outcome outcome = {};

        assert_int_equal(store_set_unsettled(store, tenancy, since_ms, on_done, &outcome, NULL), 0);
        outcome_wait(store, &outcome, 1);
        assert_int_equal(outcome.r, 0);
}

static void test_no_mark(void **state)
{
        Fixture *f = *state;

        assert_int_equal(mark_of(f->store, "never-heard-of"), 0);
        assert_int_equal(add(f->store, "t", "ada", "auth-1", NULL), 0);
        assert_int_equal(mark_of(f->store, "t"), 0);
}

static void test_mark_stays(void **state)
{
        Fixture *f = *state;

        set_mark(f->store, "t", 1234);
        assert_int_equal(mark_of(f->store, "t"), 1234);
        assert_int_equal(mark_of(f->store, "u"), 0);
        /* Links come and go, and it stays; and it is no link. */
        assert_int_equal(add(f->store, "t", "ada", "auth-1", NULL), 0);
        assert_int_equal(count(f->store, "t"), 1);
        fixture_reopen(f);
        assert_int_equal(mark_of(f->store, "t"), 1234);
        assert_int_equal(count(f->store, "t"), 1);
        set_mark(f->store, "t", 0);
        assert_int_equal(mark_of(f->store, "t"), 0);
        assert_int_equal(count(f->store, "t"), 1);
}

/* The last word counts, whoever waits for it. */
static void test_order(void **state)
{
        Fixture *f = *state;
        Outcome outcome = {};

        for (uint64_t i = 1; i <= 10; i++)
                assert_int_equal(store_set_unsettled(f->store, "t", i, NULL, NULL, NULL), 0);
        assert_int_equal(store_set_unsettled(f->store, "t", 0, on_done, &outcome, NULL), 0);
        outcome_wait(f->store, &outcome, 1);
        assert_int_equal(mark_of(f->store, "t"), 0);
}

static void test_barrier_comes_last(void **state)
{
        Fixture *f = *state;
        Outcome added = {}, barrier = {};

        for (unsigned i = 0; i < 50; i++) {
                char id[16];

                snprintf(id, sizeof(id), "auth-%u", i);
                add_later(f->store, "t", "ada", id, &added);
        }
        assert_int_equal(store_barrier(f->store, on_done, &barrier, NULL), 0);
        outcome_wait(f->store, &barrier, 1);
        assert_int_equal(barrier.r, 0);
        assert_int_equal(added.n_calls, 50);
        outcome_clear(&added);
}

static void test_bad_tenancy(void **state)
{
        Fixture *f = *state;
        uint64_t since_ms;

        assert_int_equal(store_get_unsettled(f->store, "a b", &since_ms), -EINVAL);
        assert_int_equal(store_set_unsettled(f->store, "", 1, NULL, NULL, NULL), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_no_mark),     TEST(test_mark_stays),
                TEST(test_order),       TEST(test_barrier_comes_last),
                TEST(test_bad_tenancy),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

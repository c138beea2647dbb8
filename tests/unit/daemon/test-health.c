/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* When watchdog pings are sent. The store is a fake. */

#include <errno.h>
#include <stdio.h>

#include "daemon/health.h"
#include "dbus/error.h"
#include "tests/unit/test.h"

#define INTERVAL_USEC 5000U

static struct {
        int read_result;
        int barrier_result;
        StoreDoneFunc done; /* of a barrier that has not ended */
        void *userdata;
        unsigned n_reads, n_barriers, n_alive, n_forgotten;
        bool unheard; /* systemd's socket is full */
        bool held;    /* back-pressure from the journal */
        uint64_t interval_usec;
        unsigned n_bus_checks;
        bool unreachable; /* the bus does not answer */
} fake;

int store_count(Store *store, const char *tenancy_id, uint64_t *ret)
{
        fake.n_reads++;
        return fake.read_result;
}

int store_barrier(Store *store, StoreDoneFunc func, void *userdata, StoreChange **ret)
{
        fake.n_barriers++;
        if (fake.barrier_result < 0)
                return fake.barrier_result;
        fake.done = func;
        fake.userdata = userdata;
        *ret = (StoreChange *) &fake;
        return 0;
}

StoreChange *store_change_forget(StoreChange *change)
{
        if (change)
                fake.n_forgotten++;
        return NULL;
}

void bus_check_start(BusCheck *check, uint64_t interval_usec)
{
        assert_int_equal(interval_usec, fake.interval_usec);
        fake.n_bus_checks++;
}

bool bus_check_is_alive(const BusCheck *check)
{
        return !fake.unreachable;
}

bool commit_dispatcher_is_throttled(const CommitDispatcher *dispatcher)
{
        return fake.held;
}

bool notify_alive(Notify *notify)
{
        if (!fake.unheard)
                fake.n_alive++;
        return !fake.unheard;
}

typedef struct Test {
        sd_event *event;
        Health *health;
} Test;

static int set_up(void **state)
{
        static Test test;
        char usec[16];

        memset(&fake, 0, sizeof(fake));
        fake.interval_usec = INTERVAL_USEC;
        snprintf(usec, sizeof(usec), "%u", 4 * INTERVAL_USEC);
        assert_int_equal(setenv("WATCHDOG_USEC", usec, true), 0);
        assert_int_equal(sd_event_new(&test.event), 0);
        assert_int_equal(health_new(test.event, NULL, NULL, NULL, NULL, &test.health), 0);
        *state = &test;
        return 0;
}

static int tear_down(void **state)
{
        Test *test = *state;

        test->health = health_free(test->health);
        test->event = sd_event_unref(test->event);
        return 0;
}

/* One check, whenever it is due. */
static void check(Test *test)
{
        assert_true(sd_event_run(test->event, UINT64_MAX) > 0);
}

static void end_barrier(int r)
{
        fake.done(r, fake.userdata);
}

static void test_healthy(void **state)
{
        for (unsigned i = 1; i <= 3; i++) {
                check(*state);
                assert_int_equal(fake.n_alive, i - 1);
                end_barrier(0);
                assert_int_equal(fake.n_alive, i);
        }
        assert_int_equal(fake.n_reads, 3);
        assert_int_equal(fake.n_barriers, 3);
}

/* Retried before the next check: few are left. */
static void test_socket_full(void **state)
{
        Test *test = *state;

        test->health = health_free(test->health);
        fake.interval_usec = 60000000;
        assert_int_equal(setenv("WATCHDOG_USEC", "240000000", true), 0);
        assert_int_equal(health_new(test->event, NULL, NULL, NULL, NULL, &test->health), 0);
        fake.unheard = true;
        check(test);
        for (unsigned i = 2; i <= 4; i++) {
                end_barrier(0);
                assert_true(sd_event_run(test->event, 10 * 1000 * 1000) > 0);
                assert_int_equal(fake.n_barriers, i);
        }
        assert_int_equal(fake.n_alive, 0);
        fake.unheard = false;
        end_barrier(0);
        assert_int_equal(fake.n_alive, 1);
}

static void test_no_reading(void **state)
{
        fake.read_result = ERROR_STORE_FAILED;
        check(*state);
        fake.read_result = -EINVAL;
        check(*state);
        assert_int_equal(fake.n_reads, 2);
        assert_int_equal(fake.n_barriers, 0);

        fake.read_result = 0;
        check(*state);
        end_barrier(0);
        assert_int_equal(fake.n_alive, 1);
}

static void test_no_writing(void **state)
{
        check(*state);
        end_barrier(ERROR_STORE_FAILED);
        assert_int_equal(fake.n_alive, 0);
        check(*state);
        end_barrier(0);
        assert_int_equal(fake.n_alive, 1);
}

static void test_stuck_writer(void **state)
{
        Test *test = *state;

        for (unsigned i = 0; i < 3; i++)
                check(test);
        assert_int_equal(fake.n_barriers, 1);
        assert_int_equal(fake.n_alive, 0);
        /* The thread was only slow. */
        end_barrier(0);
        assert_int_equal(fake.n_alive, 1);
        check(test);
        assert_int_equal(fake.n_barriers, 2);

        test->health = health_free(test->health);
        assert_int_equal(fake.n_forgotten, 1);
}

/* The write may be done but held back: no reason to restart. */
static void test_back_pressure(void **state)
{
        fake.held = true;
        check(*state);
        assert_int_equal(fake.n_alive, 0);
        for (unsigned i = 1; i <= 3; i++) {
                check(*state);
                assert_int_equal(fake.n_alive, i);
        }
        assert_int_equal(fake.n_barriers, 1);

        fake.held = false;
        check(*state);
        assert_int_equal(fake.n_alive, 3);
        end_barrier(0);
        assert_int_equal(fake.n_alive, 4);
}

static void test_unreachable(void **state)
{
        fake.unreachable = true;
        for (unsigned i = 1; i <= 3; i++) {
                check(*state);
                assert_int_equal(fake.n_bus_checks, i);
                end_barrier(0);
        }
        assert_int_equal(fake.n_alive, 0);
        fake.unreachable = false;
        check(*state);
        end_barrier(0);
        assert_int_equal(fake.n_alive, 1);
}

static void test_no_memory(void **state)
{
        fake.barrier_result = -ENOMEM;
        check(*state);
        check(*state);
        assert_int_equal(fake.n_barriers, 2);
        assert_int_equal(fake.n_alive, 0);
        assert_int_equal(fake.n_forgotten, 0);
}

static void test_no_watchdog(void **state)
{
        Test *test = *state;

        health_free(test->health);
        assert_int_equal(unsetenv("WATCHDOG_USEC"), 0);
        assert_int_equal(health_new(test->event, NULL, NULL, NULL, NULL, &test->health), 0);
        assert_int_equal(sd_event_run(test->event, 4 * INTERVAL_USEC), 0);
        assert_int_equal(fake.n_reads, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_healthy, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_socket_full, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_reading, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_writing, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_stuck_writer, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_back_pressure, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_unreachable, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_memory, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_watchdog, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

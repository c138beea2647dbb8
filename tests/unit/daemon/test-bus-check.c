/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* When the connection to the bus is replaced. The connections are fakes. */

#include <errno.h>

#include "daemon/bus-check.h"
#include "tests/unit/test.h"

#define INTERVAL_USEC 12000U

typedef struct FakeBus {
        Bus bus;
        bool connected, closed, stopping, answered, progress;
        unsigned n_pings;
} FakeBus;

static struct {
        FakeBus first, second;
        int connect_result;
        unsigned n_connects, n_frees, n_replacements;
} fake;

int bus_new(sd_event *event, const BusOwner *owner, Bus **ret)
{
        assert_null(owner->disconnected);
        fake.n_connects++;
        if (fake.connect_result < 0)
                return fake.connect_result;
        fake.second.answered = true;
        *ret = &fake.second.bus;
        return 0;
}

Bus *bus_free(Bus *bus)
{
        if (bus) {
                assert_ptr_equal(bus, &fake.second.bus);
                fake.n_frees++;
                fake.second = (FakeBus){};
        }
        return NULL;
}

bool bus_is_connected(Bus *bus)
{
        return ((FakeBus *) bus)->connected;
}

bool bus_is_closed(Bus *bus)
{
        return ((FakeBus *) bus)->closed;
}

bool bus_is_stopping(const Bus *bus)
{
        return ((const FakeBus *) bus)->stopping;
}

void bus_ping(Bus *bus)
{
        ((FakeBus *) bus)->n_pings++;
        ((FakeBus *) bus)->answered = false;
}

bool bus_is_answered(const Bus *bus)
{
        return ((const FakeBus *) bus)->answered;
}

bool bus_has_progress(Bus *bus)
{
        return ((FakeBus *) bus)->progress;
}

static void on_replace(Bus *fresh, void *userdata)
{
        assert_ptr_equal(fresh, &fake.second.bus);
        assert_ptr_equal(userdata, &fake);
        fake.n_replacements++;
}

typedef struct Test {
        sd_event *event;
        BusCheck *check;
} Test;

static int set_up(void **state)
{
        static Test test;

        memset(&fake, 0, sizeof(fake));
        assert_int_equal(sd_event_new(&test.event), 0);
        assert_int_equal(bus_check_new(test.event, &fake.first.bus, on_replace, &fake, &test.check),
                         0);
        assert_true(bus_check_is_alive(test.check));
        *state = &test;
        return 0;
}

static int tear_down(void **state)
{
        Test *test = *state;

        test->check = bus_check_free(test->check);
        test->event = sd_event_unref(test->event);
        return 0;
}

/* Waits for the timeout of the ping or the next look. */
static void wait_look(Test *test)
{
        assert_true(sd_event_run(test->event, UINT64_MAX) > 0);
}

/* Nothing is to come. */
static void expect_end(Test *test)
{
        assert_int_equal(sd_event_run(test->event, 2 * INTERVAL_USEC), 0);
}

static void test_answered(void **state)
{
        Test *test = *state;

        for (unsigned i = 1; i <= 2; i++) {
                bus_check_start(test->check, INTERVAL_USEC);
                assert_int_equal(fake.first.n_pings, i);
                fake.first.answered = true;
                wait_look(test);
                assert_true(bus_check_is_alive(test->check));
                expect_end(test);
        }
        assert_int_equal(fake.n_connects, 0);
}

static void test_hang(void **state)
{
        Test *test = *state;

        bus_check_start(test->check, INTERVAL_USEC);
        wait_look(test);
        assert_false(bus_check_is_alive(test->check));
        assert_int_equal(fake.n_connects, 1);
        wait_look(test);
        fake.second.connected = true;
        wait_look(test);
        assert_int_equal(fake.n_replacements, 0);
        wait_look(test);
        assert_int_equal(fake.n_replacements, 1);
        assert_true(bus_check_is_alive(test->check));
        assert_int_equal(fake.n_connects, 1);
        assert_int_equal(fake.n_frees, 0);
        expect_end(test);

        bus_check_start(test->check, INTERVAL_USEC);
        assert_int_equal(fake.second.n_pings, 1);
        assert_int_equal(fake.first.n_pings, 1);
}

/* The bus served nobody, and serves both connections now. */
static void test_late_answer(void **state)
{
        Test *test = *state;

        bus_check_start(test->check, INTERVAL_USEC);
        for (unsigned i = 0; i < 5; i++)
                wait_look(test);
        assert_false(bus_check_is_alive(test->check));
        assert_int_equal(fake.n_connects, 1);
        fake.second.connected = true;
        wait_look(test);
        fake.first.answered = true;
        wait_look(test);
        assert_true(bus_check_is_alive(test->check));
        assert_int_equal(fake.n_frees, 1);
        assert_int_equal(fake.n_replacements, 0);
        expect_end(test);
}

/* The next check comes while the doubt goes on. */
static void test_next_check(void **state)
{
        Test *test = *state;

        bus_check_start(test->check, INTERVAL_USEC);
        wait_look(test);
        bus_check_start(test->check, INTERVAL_USEC);
        assert_false(bus_check_is_alive(test->check));
        wait_look(test);
        fake.first.answered = true;
        wait_look(test);
        assert_true(bus_check_is_alive(test->check));
        expect_end(test);
}

static void test_flood(void **state)
{
        Test *test = *state;

        fake.first.progress = true;
        bus_check_start(test->check, INTERVAL_USEC);
        for (unsigned i = 0; i < 3; i++) {
                wait_look(test);
                assert_true(bus_check_is_alive(test->check));
        }
        assert_int_equal(fake.n_connects, 0);
        fake.first.progress = false;
        wait_look(test);
        assert_false(bus_check_is_alive(test->check));
        assert_int_equal(fake.n_connects, 1);
        fake.first.progress = true;
        wait_look(test);
        assert_true(bus_check_is_alive(test->check));
        assert_int_equal(fake.n_frees, 1);
}

static void test_no_second_connection(void **state)
{
        Test *test = *state;

        fake.connect_result = -EMFILE;
        bus_check_start(test->check, INTERVAL_USEC);
        for (unsigned i = 1; i <= 3; i++) {
                wait_look(test);
                assert_int_equal(fake.n_connects, i);
        }
        fake.connect_result = 0;
        wait_look(test);
        fake.second.closed = true;
        wait_look(test);
        assert_int_equal(fake.n_frees, 1);
        assert_int_equal(fake.n_connects, 5);
        assert_false(bus_check_is_alive(test->check));
        fake.second.connected = true;
        wait_look(test);
        wait_look(test);
        assert_int_equal(fake.n_replacements, 1);
}

static void test_stop(void **state)
{
        Test *test = *state;

        bus_check_start(test->check, INTERVAL_USEC);
        wait_look(test);
        fake.first.stopping = true;
        bus_check_start(test->check, INTERVAL_USEC);
        assert_int_equal(fake.first.n_pings, 1);
        wait_look(test);
        assert_true(bus_check_is_alive(test->check));
        assert_int_equal(fake.n_frees, 1);
        expect_end(test);
}

static void test_free_in_doubt(void **state)
{
        Test *test = *state;

        bus_check_start(test->check, INTERVAL_USEC);
        wait_look(test);
        test->check = bus_check_free(test->check);
        assert_int_equal(fake.n_frees, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_answered, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_hang, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_late_answer, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_next_check, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_flood, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_second_connection, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_stop, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_free_in_doubt, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/bus/dispatch/turns.h"
#include "tests/unit/test.h"

/* The bus is one end of a socket pair; a message is a byte. */

typedef struct Fixture {
        sd_event *event;
        Turns *turns;
        int sockets[2]; /* of the daemon, of the bus */
        TurnQueue queues[3][TURN_KINDS];
} Fixture;

typedef struct Item {
        Turn turn;
        char name;
        bool refuses; /* to run */
} Item;

static Fixture *fixture;
static char ran[256];
static unsigned n_processed;

int __wrap_sd_bus_get_fd(sd_bus *bus);
int __wrap_sd_bus_get_events(sd_bus *bus);
int __wrap_sd_bus_process(sd_bus *bus, sd_bus_message **ret);

int __wrap_sd_bus_get_fd(sd_bus *bus)
{
        return fixture->sockets[0];
}

int __wrap_sd_bus_get_events(sd_bus *bus)
{
        return 0;
}

int __wrap_sd_bus_process(sd_bus *bus, sd_bus_message **ret)
{
        char c;

        if (recv(fixture->sockets[0], &c, 1, MSG_DONTWAIT) != 1)
                return 0;
        n_processed++;
        return 1;
}

static bool run(Turn *turn, void *userdata)
{
        const Item *item = container_of(turn, Item, turn);

        if (item->refuses)
                return false;
        ran[strlen(ran)] = item->name;
        return true;
}

static int set_up(void **state)
{
        static Fixture f;

        f = (Fixture){};
        fixture = &f;
        memset(ran, 0, sizeof(ran));
        n_processed = 0;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, f.sockets), 0);
        assert_true(sd_event_new(&f.event) >= 0);
        assert_int_equal(turns_new(f.event, NULL, run, NULL, &f.turns), 0);
        *state = &f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        turns_free(f->turns);
        sd_event_unref(f->event);
        close(f->sockets[0]);
        close(f->sockets[1]);
        return 0;
}

static void receive(Fixture *f)
{
        assert_int_equal(send(f->sockets[1], "x", 1, 0), 1);
}

static bool add(Fixture *f, unsigned user, TurnKind kind, Item *item)
{
        return turns_add(f->turns, &f->queues[user][kind], kind, &item->turn);
}

/* Runs the event loop until nothing is due. */
static void loop(Fixture *f)
{
        while (sd_event_run(f->event, 0) > 0)
                ;
}

/* Until these requests have run; the timer may have to elapse. */
static void loop_until(Fixture *f, const char *expected)
{
        while (strlen(ran) < strlen(expected))
                assert_true(sd_event_run(f->event, 10 * 1000 * 1000) > 0);
        assert_string_equal(ran, expected);
}

static void test_runs_at_once_when_idle(void **state)
{
        Item a = {.name = 'a'}, b = {.name = 'b'};

        assert_false(add(*state, 0, TURN_SINGLE, &a));
        assert_false(add(*state, 0, TURN_BULK, &b));
        assert_string_equal(ran, "ab");
}

static void test_users_take_turns(void **state)
{
        Item items[] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'},
                        {.name = 'x'}, {.name = 'y'}, {.name = '1'}};
        const unsigned users[] = {0, 0, 0, 0, 1, 1, 2};

        receive(*state);
        for (size_t i = 0; i < ARRAY_SIZE(items); i++)
                assert_true(add(*state, users[i], TURN_SINGLE, &items[i]));
        loop_until(*state, "ax1bycd");
        assert_int_equal(n_processed, 1);
}

static void test_single_calls_come_first(void **state)
{
        Item bulk[] = {{.name = 'B'}, {.name = 'C'}}, singles[40];

        receive(*state);
        assert_true(add(*state, 0, TURN_BULK, &bulk[0]));
        assert_true(add(*state, 0, TURN_BULK, &bulk[1]));
        for (size_t i = 0; i < ARRAY_SIZE(singles); i++) {
                singles[i] = (Item){.name = 's'};
                assert_true(add(*state, 1, TURN_SINGLE, &singles[i]));
        }
        /* But a flood of them does not starve bulk calls. */
        loop_until(*state, "ssssssssssssssssBssssssssssssssssCssssssss");
}

static void test_a_backlog_does_not_starve_bulk_calls(void **state)
{
        Fixture *f = *state;
        static char page[8 * 1024]; /* too much for a bulk call, with nothing else to do */
        Item bulk = {.name = 'B'}, singles[100];

        assert_int_equal(send(f->sockets[0], page, sizeof(page), 0), sizeof(page));
        assert_true(add(f, 0, TURN_BULK, &bulk));
        for (size_t i = 0; i < ARRAY_SIZE(singles); i++) {
                singles[i] = (Item){.name = 's'};
                assert_true(add(f, 1, TURN_SINGLE, &singles[i]));
        }
        while (strlen(ran) < 65)
                assert_true(sd_event_run(f->event, 10 * 1000 * 1000) > 0);
        assert_int_equal(strchr(ran, 'B') - ran, 64);
        assert_int_equal(recv(f->sockets[1], page, sizeof(page), MSG_WAITALL), sizeof(page));
        while (strlen(ran) < 101)
                assert_true(sd_event_run(f->event, 10 * 1000 * 1000) > 0);
}

static void test_waits_while_the_bus_does_not_read(void **state)
{
        Fixture *f = *state;
        static char page[48 * 1024];
        Item a = {.name = 'a'}, b = {.name = 'b'};

        assert_int_equal(send(f->sockets[0], page, sizeof(page), 0), sizeof(page));
        assert_true(add(f, 0, TURN_SINGLE, &a));
        assert_true(add(f, 0, TURN_BULK, &b));
        for (unsigned i = 0; i < 10; i++) {
                loop(f);
                assert_string_equal(ran, "");
        }
        assert_int_equal(recv(f->sockets[1], page, sizeof(page), MSG_WAITALL), sizeof(page));
        loop_until(f, "ab");
}

static void test_does_not_wait_at_a_stop(void **state)
{
        Fixture *f = *state;
        static char page[48 * 1024];
        Item a = {.name = 'a'};

        assert_int_equal(send(f->sockets[0], page, sizeof(page), 0), sizeof(page));
        assert_true(add(f, 0, TURN_SINGLE, &a));
        turns_end_back_pressure(f->turns);
        loop_until(f, "a");
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        unsigned *n = userdata;
        char c;

        (*n)++;
        assert_int_equal(read(fd, &c, 1), 1);
        return 0;
}

static void test_other_sources_are_not_starved(void **state)
{
        Fixture *f = *state;
        Item items[100];
        int pipe_fds[2];
        unsigned n = 0;

        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        assert_true(sd_event_add_io(f->event, NULL, pipe_fds[0], EPOLLIN, on_input, &n) >= 0);
        receive(f);
        for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
                items[i] = (Item){.name = 'a'};
                assert_true(add(f, 0, TURN_SINGLE, &items[i]));
        }
        assert_int_equal(write(pipe_fds[1], "xxxxx", 5), 5);
        for (unsigned i = 0; i < 30; i++)
                assert_true(sd_event_run(f->event, 0) > 0);
        assert_int_equal(n, 5);
        assert_true(strlen(ran) < ARRAY_SIZE(items));
        while (strlen(ran) < ARRAY_SIZE(items))
                assert_true(sd_event_run(f->event, 10 * 1000 * 1000) > 0);
        close(pipe_fds[0]);
        close(pipe_fds[1]);
}

static void test_a_request_may_wait_longer(void **state)
{
        Fixture *f = *state;
        Item a = {.name = 'a', .refuses = true}, b = {.name = 'b'}, c = {.name = 'c'};

        receive(f);
        assert_true(add(f, 0, TURN_SINGLE, &a));
        assert_true(add(f, 1, TURN_SINGLE, &b));
        loop_until(f, "b");
        a.refuses = false;
        loop_until(f, "ba");

        /* Also one that would run at once. */
        c.refuses = true;
        assert_true(add(f, 0, TURN_SINGLE, &c));
        turn_cancel(&c.turn);
        assert_true(add(f, 0, TURN_SINGLE, &c));
        c.refuses = false;
        loop_until(f, "bac");
}

static void test_a_parked_request_is_not_overtaken(void **state)
{
        Fixture *f = *state;
        static char page[48 * 1024];
        unsigned n_parked = 0;
        Item a = {.name = 'a', .refuses = true, .turn = {.n_parked = &n_parked}}, b = {.name = 'b'};

        assert_true(add(f, 0, TURN_SINGLE, &a));
        assert_int_equal(n_parked, 1);
        a.refuses = false;
        /* The later one waits for the bus when the earlier one has its turn again. */
        assert_int_equal(send(f->sockets[0], page, sizeof(page), 0), sizeof(page));
        assert_true(add(f, 0, TURN_SINGLE, &b));
        while (n_parked > 0)
                assert_true(sd_event_run(f->event, 10 * 1000 * 1000) > 0);
        assert_string_equal(ran, "");
        assert_int_equal(recv(f->sockets[1], page, sizeof(page), MSG_WAITALL), sizeof(page));
        loop_until(f, "ab");
}

static void test_cancel(void **state)
{
        Fixture *f = *state;
        Item a = {.name = 'a'}, b = {.name = 'b'};

        receive(f);
        assert_true(add(f, 0, TURN_SINGLE, &a));
        assert_true(add(f, 1, TURN_SINGLE, &b));
        turn_cancel(&a.turn);
        turn_cancel(&a.turn);
        loop_until(f, "b");
        assert_false(add(f, 0, TURN_SINGLE, &a));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_runs_at_once_when_idle, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_users_take_turns, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_single_calls_come_first, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_backlog_does_not_starve_bulk_calls, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_waits_while_the_bus_does_not_read, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_does_not_wait_at_a_stop, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_other_sources_are_not_starved, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_a_request_may_wait_longer, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_parked_request_is_not_overtaken, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

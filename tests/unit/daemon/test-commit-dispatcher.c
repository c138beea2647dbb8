/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* When commit results are dispatched, and when they are held back. Store, journal and clock are
 * fakes. */

#include <sys/eventfd.h>
#include <time.h>

#include "daemon/audit/audit.h"
#include "daemon/commit-dispatcher.h"
#include "tests/unit/test.h"

static struct {
        int fd;
        unsigned n_ended; /* changes */
        unsigned n_room;  /* records, before the journal is full */
        unsigned n_given;
        unsigned n_sent; /* records that it has taken */
        time_t now_sec;
} fake;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
        *ret = (struct timespec){.tv_sec = fake.now_sec};
        return 0;
}

int store_get_fd(Store *store)
{
        return fake.fd;
}

/* Clears the eventfd like the real store. */
bool store_dispatch(Store *store)
{
        eventfd_t ignored;

        (void) eventfd_read(fake.fd, &ignored);
        if (fake.n_ended == 0)
                return false;
        fake.n_ended--;
        fake.n_given++;
        if (fake.n_room > 0)
                fake.n_room--;
        return true;
}

bool audit_has_room(void)
{
        return fake.n_room > 0;
}

uint64_t audit_n_sent(void)
{
        return fake.n_sent;
}

typedef struct Test {
        sd_event *event;
        CommitDispatcher *dispatcher;
} Test;

static int set_up(void **state)
{
        static Test test;

        memset(&fake, 0, sizeof(fake));
        fake.now_sec = 1000;
        fake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        assert_true(fake.fd >= 0);
        assert_int_equal(sd_event_new(&test.event), 0);
        assert_int_equal(commit_dispatcher_new(test.event, NULL, &test.dispatcher), 0);
        *state = &test;
        return 0;
}

static int tear_down(void **state)
{
        Test *test = *state;

        test->dispatcher = commit_dispatcher_free(test->dispatcher);
        test->event = sd_event_unref(test->event);
        close(fake.fd);
        return 0;
}

static void end_changes(unsigned n)
{
        fake.n_ended += n;
        assert_int_equal(eventfd_write(fake.fd, 1), 0);
}

/* The next event. */
static void run(Test *test)
{
        assert_true(sd_event_run(test->event, UINT64_MAX) > 0);
}

static void assert_idle(Test *test)
{
        assert_int_equal(sd_event_run(test->event, 0), 0);
}

static void test_room(void **state)
{
        fake.n_room = 100;
        for (unsigned i = 1; i <= 3; i++) {
                end_changes(10);
                run(*state);
                assert_int_equal(fake.n_given, 10 * i);
        }
        assert_idle(*state);
}

static void test_journal_is_behind(void **state)
{
        const Test *test = *state;

        assert_false(commit_dispatcher_is_throttled(test->dispatcher));
        fake.n_room = 3;
        end_changes(10);
        run(*state);
        assert_int_equal(fake.n_given, 3);

        /* More results arrive; the dispatcher only polls the journal. */
        end_changes(5);
        for (unsigned i = 0; i < 3; i++)
                run(*state);
        assert_int_equal(fake.n_given, 3);
        assert_true(commit_dispatcher_is_throttled(test->dispatcher));

        fake.n_room = 7;
        run(*state);
        assert_int_equal(fake.n_given, 10);
        assert_true(commit_dispatcher_is_throttled(test->dispatcher));
        fake.n_room = 100;
        run(*state);
        assert_int_equal(fake.n_given, 15);
        assert_false(commit_dispatcher_is_throttled(test->dispatcher));
        end_changes(1);
        run(*state);
        assert_int_equal(fake.n_given, 16);
}

/* Waits while the journal makes progress. */
static void test_journal_is_slow(void **state)
{
        end_changes(10);
        for (unsigned i = 0; i < 5; i++) {
                run(*state);
                assert_int_equal(fake.n_given, 0);
                fake.now_sec += 4;
                fake.n_sent++;
        }
        fake.n_room = 10;
        run(*state);
        assert_int_equal(fake.n_given, 10);
}

static void test_journal_has_stopped(void **state)
{
        end_changes(10);
        run(*state);
        fake.now_sec += 4;
        run(*state);
        assert_int_equal(fake.n_given, 0);
        fake.now_sec += 2;
        run(*state);
        assert_int_equal(fake.n_given, 10);

        /* New results are not delayed either. */
        end_changes(10);
        run(*state);
        assert_int_equal(fake.n_given, 20);

        /* After progress, back-pressure works again. */
        fake.n_room = 10;
        end_changes(20);
        run(*state);
        assert_int_equal(fake.n_given, 30);
        run(*state);
        assert_int_equal(fake.n_given, 30);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(room),
                TEST(journal_is_behind),
                TEST(journal_is_slow),
                TEST(journal_has_stopped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

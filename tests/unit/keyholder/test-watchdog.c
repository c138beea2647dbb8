/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pings of systemd's watchdog, on an abstract socket in place of systemd's. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "keyholder/watchdog.h"
#include "tests/unit/test.h"

#define TIMEOUT_MS  200U
#define TIMEOUT_US  "200000"
#define PATIENCE_US (UINT64_C(10) * 1000 * 1000)

typedef struct Fixture {
        int notify_fd;
        sd_event *event;
        Watchdog *watchdog;
} Fixture;

static void set_environment(const char *name, const char *value)
{
        assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static int set_up(void **state)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        Fixture *f = calloc(1, sizeof(Fixture));
        socklen_t len;
        char name[32];

        assert_non_null(f);
        snprintf(name, sizeof(name), "@test-watchdog-%d", getpid());
        len = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(name));
        memcpy(address.sun_path, name, strlen(name));
        address.sun_path[0] = '\0';
        f->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(f->notify_fd, (const struct sockaddr *) &address, len), 0);
        assert_int_equal(sd_event_new(&f->event), 0);
        set_environment("NOTIFY_SOCKET", name);
        set_environment("WATCHDOG_USEC", TIMEOUT_US);
        set_environment("WATCHDOG_PID", NULL);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        watchdog_free(f->watchdog);
        sd_event_unref(f->event);
        close(f->notify_fd);
        free(f);
        return 0;
}

/* Returns whether a ping has arrived. */
static bool receive(const Fixture *f)
{
        char message[64];
        ssize_t n = recv(f->notify_fd, message, sizeof(message), 0);

        if (n < 0) {
                assert_int_equal(errno, EAGAIN);
                return false;
        }
        assert_int_equal(n, strlen("WATCHDOG=1"));
        assert_memory_equal(message, "WATCHDOG=1", (size_t) n);
        return true;
}

static void wait_for_ping(const Fixture *f)
{
        uint64_t end_us = monotonic_us() + PATIENCE_US;

        while (!receive(f)) {
                assert_true(monotonic_us() < end_us);
                assert_true(sd_event_run(f->event, 1000) >= 0);
        }
}

static void assert_no_ping(const Fixture *f)
{
        uint64_t end_us = monotonic_us() + 2 * TIMEOUT_MS * 1000;

        while (monotonic_us() < end_us) {
                assert_true(sd_event_run(f->event, 1000) >= 0);
                assert_false(receive(f));
        }
}

static void test_pings_within_each_timeout(void **state)
{
        Fixture *f = *state;
        uint64_t begin_ms;

        assert_int_equal(watchdog_new(f->event, &f->watchdog), 0);
        wait_for_ping(f);
        begin_ms = monotonic_ms();
        for (unsigned i = 0; i < 4; i++)
                wait_for_ping(f);
        /* Four pings a timeout, and no more. */
        assert_true(monotonic_ms() - begin_ms >= TIMEOUT_MS - 1);
}

static void test_no_ping_without_watchdog(void **state)
{
        Fixture *f = *state;

        set_environment("WATCHDOG_USEC", NULL);
        assert_int_equal(watchdog_new(f->event, &f->watchdog), 0);
        assert_no_ping(f);
}

static void test_no_ping_for_another_process(void **state)
{
        Fixture *f = *state;

        set_environment("WATCHDOG_PID", "1");
        assert_int_equal(watchdog_new(f->event, &f->watchdog), 0);
        assert_no_ping(f);
}

static void test_invalid_timeout(void **state)
{
        Fixture *f = *state;

        set_environment("WATCHDOG_USEC", "soon");
        assert_true(watchdog_new(f->event, &f->watchdog) < 0);
        assert_null(f->watchdog);
}

/* The timer runs on: pings are lost, and the process is not ended by them. */
static void test_no_socket(void **state)
{
        Fixture *f = *state;

        set_environment("NOTIFY_SOCKET", NULL);
        assert_int_equal(watchdog_new(f->event, &f->watchdog), 0);
        assert_no_ping(f);
}

static void test_socket_is_closed(void **state)
{
        Fixture *f = *state;

        assert_int_equal(watchdog_new(f->event, &f->watchdog), 0);
        wait_for_ping(f);
        assert_int_equal(shutdown(f->notify_fd, SHUT_RD), 0);
        for (unsigned i = 0; i < 100; i++)
                assert_true(sd_event_run(f->event, 1000) >= 0);
}

static void test_pings_without_descriptors(void **state)
{
        struct rlimit old, none = {};
        Fixture *f = *state;

        assert_int_equal(watchdog_new(f->event, &f->watchdog), 0);
        wait_for_ping(f);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
        none.rlim_max = old.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        assert_int_equal(dup(f->notify_fd), -1);
        wait_for_ping(f);
        wait_for_ping(f);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void test_no_ping_after_free(void **state)
{
        Fixture *f = *state;

        assert_int_equal(watchdog_new(f->event, &f->watchdog), 0);
        wait_for_ping(f);
        f->watchdog = watchdog_free(f->watchdog);
        while (receive(f))
                ;
        assert_no_ping(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_pings_within_each_timeout, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_ping_without_watchdog, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_ping_for_another_process, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_invalid_timeout, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_socket, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_socket_is_closed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_pings_without_descriptors, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_ping_after_free, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

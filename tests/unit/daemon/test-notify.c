/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/notify.h"
#include "tests/unit/test.h"

static sd_event *event;

/* A socket named by $NOTIFY_SOCKET, like systemd's. */
static int listen_at(const char *name)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        socklen_t len = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(name));

        memcpy(address.sun_path, name, strlen(name));
        if (name[0] == '@')
                address.sun_path[0] = '\0';
        else
                len++;
        assert_return_code(bind(fd, (const struct sockaddr *) &address, len), errno);
        assert_return_code(setenv("NOTIFY_SOCKET", name, true), errno);
        return fd;
}

static void expect_next(int fd, const char *text)
{
        char got[512];
        ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

        assert_return_code(n, errno);
        got[n] = '\0';
        assert_string_equal(got, text);
}

static void expect_nothing(int fd)
{
        assert_int_equal(recv(fd, (char[1]){}, 1, 0), -1);
        assert_int_equal(errno, EAGAIN);
}

static void check_socket(const char *name)
{
        _cleanup_(closep) int fd = listen_at(name);
        Notify *notify = NULL;

        assert_int_equal(notify_new(event, &notify), 0);
        assert_true(notify_status(notify, "one"));
        /* No second status line while the first one is unread. */
        assert_false(notify_status(notify, "two"));
        expect_next(fd, "STATUS=one");
        expect_nothing(fd);
        assert_true(notify_status(notify, "three"));
        assert_true(notify_alive(notify));
        expect_next(fd, "STATUS=three");
        expect_next(fd, "WATCHDOG=1");
        expect_nothing(fd);
        notify_free(notify);
}

static void test_path(void **state)
{
        char dir[] = "/tmp/test-notify-XXXXXX", name[64];

        assert_non_null(mkdtemp(dir));
        snprintf(name, sizeof(name), "%s/socket", dir);
        check_socket(name);
        assert_return_code(unlink(name), errno);
        assert_return_code(rmdir(dir), errno);
}

static void test_abstract(void **state)
{
        char name[64];

        snprintf(name, sizeof(name), "@test-notify-%d", getpid());
        check_socket(name);
}

/* Would hang if it blocked. */
static void test_socket_full(void **state)
{
        char name[64];
        _cleanup_(closep) int fd = -1;
        Notify *notify = NULL;

        snprintf(name, sizeof(name), "@test-notify-%d-unread", getpid());
        fd = listen_at(name);
        assert_int_equal(notify_new(event, &notify), 0);
        assert_true(notify_alive(notify));
        for (unsigned i = 0; i < 10000; i++)
                (void) notify_alive(notify);
        assert_false(notify_alive(notify));
        assert_false(notify_status(notify, "one"));
        expect_next(fd, "WATCHDOG=1");
        notify_free(notify);
}

/* Fills the socket; returns how many messages are in it. */
static unsigned fill(Notify *notify)
{
        unsigned n = 0;

        while (notify_alive(notify))
                n++;
        return n;
}

static void expect_alive(int fd, unsigned n)
{
        for (; n > 0; n--)
                expect_next(fd, "WATCHDOG=1");
}

static void run_loop(void)
{
        assert_return_code(sd_event_run(event, 0), errno);
}

static void expect_reloading(int fd)
{
        char got[512];
        ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

        assert_return_code(n, errno);
        got[n] = '\0';
        assert_ptr_equal(strstr(got, "RELOADING=1\nMONOTONIC_USEC="), got);
}

/* Queued states are sent when the socket has space, without outdated ones. */
static void test_states_are_sent_later(void **state)
{
        char name[64];
        _cleanup_(closep) int fd = -1;
        Notify *notify = NULL;
        unsigned n;

        snprintf(name, sizeof(name), "@test-notify-%d-later", getpid());
        fd = listen_at(name);
        assert_int_equal(notify_new(event, &notify), 0);
        n = fill(notify);
        for (unsigned i = 0; i < 40; i++) {
                notify_reloading(notify);
                notify_ready(notify);
        }
        run_loop();
        assert_false(notify_status(notify, "one"));
        expect_alive(fd, n);
        assert_false(notify_status(notify, "one")); /* queued states come first */
        run_loop();
        expect_reloading(fd);
        expect_next(fd, "READY=1");
        expect_nothing(fd);

        notify_reloading(notify);
        expect_reloading(fd);
        n = fill(notify);
        notify_ready(notify);
        notify_stopping(notify);
        expect_alive(fd, n);
        run_loop();
        expect_next(fd, "STOPPING=1");
        run_loop();
        expect_nothing(fd);
        notify_free(notify);
}

/* The last attempt. */
static void test_state_at_the_end(void **state)
{
        char name[64];
        _cleanup_(closep) int fd = -1;
        Notify *notify = NULL;
        unsigned n;

        snprintf(name, sizeof(name), "@test-notify-%d-end", getpid());
        fd = listen_at(name);
        assert_int_equal(notify_new(event, &notify), 0);
        n = fill(notify);
        notify_stopping(notify);
        expect_alive(fd, n);
        notify_free(notify);
        expect_next(fd, "STOPPING=1");
}

static void test_no_listener(void **state)
{
        static const char *const names[] = {NULL, "", "relative", "vsock:2:1", "/nowhere/socket"};
        char longest[200];

        memset(longest, 'x', sizeof(longest));
        longest[0] = '/';
        longest[sizeof(longest) - 1] = '\0';
        for (size_t i = 0; i <= ARRAY_SIZE(names); i++) {
                const char *name = i < ARRAY_SIZE(names) ? names[i] : longest;
                Notify *notify = NULL;

                assert_return_code(name ? setenv("NOTIFY_SOCKET", name, true)
                                        : unsetenv("NOTIFY_SOCKET"),
                                   errno);
                assert_int_equal(notify_new(event, &notify), 0);
                (void) notify_alive(notify);
                (void) notify_status(notify, "one");
                notify_reloading(notify);
                notify_ready(notify);
                notify_stopping(notify);
                notify_free(notify);
        }
}

static int set_up(void **state)
{
        return sd_event_new(&event) < 0;
}

static int tear_down(void **state)
{
        event = sd_event_unref(event);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_path),
                cmocka_unit_test(test_abstract),
                cmocka_unit_test(test_socket_full),
                cmocka_unit_test(test_states_are_sent_later),
                cmocka_unit_test(test_state_at_the_end),
                cmocka_unit_test(test_no_listener),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}

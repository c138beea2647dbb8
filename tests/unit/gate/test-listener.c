/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "gate/listener.h"
#include "tests/unit/test.h"

/* The socket is bound, and not listening yet. */
static void (*before_listen)(void);

int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog)
{
        void (*hook)(void) = before_listen;

        before_listen = NULL;
        if (hook)
                hook();
        return __real_listen(fd, backlog);
}

static char directory[] = "/tmp/test-listener.XXXXXX";
static char path[64];

static struct sockaddr_un address(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        memcpy(address.sun_path, path, strlen(path) + 1);
        return address;
}

/* Binds a socket without the lock, as other programs do. */
static int bind_path(void)
{
        const struct sockaddr_un to = address();
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_return_code(fd, errno);
        assert_return_code(bind(fd, (const struct sockaddr *) &to, sizeof(to)), errno);
        return fd;
}

static bool answers(void)
{
        _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const struct sockaddr_un to = address();

        assert_return_code(fd, errno);
        return connect(fd, (const struct sockaddr *) &to, sizeof(to)) == 0;
}

static bool path_exists(void)
{
        struct stat st;

        return lstat(path, &st) == 0;
}

static int setup(void **state _unused_)
{
        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/socket", directory);
        return 0;
}

static int teardown(void **state _unused_)
{
        char lock[80];

        snprintf(lock, sizeof(lock), "%s.lock", path);
        (void) unlink(lock);
        (void) unlink(path);
        return rmdir(directory);
}

static void expect_in_use(void)
{
        Listener *listener = NULL;
        int fd = -1;

        assert_int_equal(listener_open(path, &fd, &listener), -EADDRINUSE);
        assert_null(listener);
}

static void test_stale(void **state _unused_)
{
        _cleanup_(listener_freep) Listener *listener = NULL;
        _cleanup_(closep) int fd = -1;
        struct stat st;

        close(bind_path());
        assert_int_equal(listener_open(path, &fd, &listener), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0660);
        assert_true(answers());
        expect_in_use();
        listener = listener_free(listener);
        assert_false(path_exists());
}

/* Two processes find the same stale socket. */
static void test_race(void **state _unused_)
{
        _cleanup_(listener_freep) Listener *listener = NULL;
        _cleanup_(closep) int fd = -1;

        close(bind_path());
        before_listen = expect_in_use;
        assert_int_equal(listener_open(path, &fd, &listener), 0);
        assert_null(before_listen);
        assert_true(answers());
}

static void test_others(void **state _unused_)
{
        int fd = bind_path();

        assert_return_code(listen(fd, 1), errno);
        expect_in_use();
        assert_true(answers());
        close(fd);
        assert_return_code(unlink(path), errno);

        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_return_code(fd, errno);
        close(fd);
        expect_in_use();
        assert_true(path_exists());
        assert_return_code(unlink(path), errno);
}

/* A socket that has replaced this one is not removed. */
static void test_replaced(void **state _unused_)
{
        _cleanup_(closep) int fd = -1, other = -1;
        Listener *listener;

        assert_int_equal(listener_open(path, &fd, &listener), 0);
        assert_return_code(unlink(path), errno);
        other = bind_path();
        listener_free(listener);
        assert_true(path_exists());
        assert_return_code(unlink(path), errno);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stale),
                cmocka_unit_test(test_race),
                cmocka_unit_test(test_others),
                cmocka_unit_test(test_replaced),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}

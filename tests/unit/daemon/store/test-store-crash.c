/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/daemon/store/store-child.h"

/* Reads reports, kills the child, reads the rest. Returns the acknowledged count. */
static unsigned child_kill(pid_t pid, int fd, unsigned n_before, unsigned n_more)
{
        unsigned n = n_before, number;
        int status;

        while (n < n_before + n_more) {
                assert_int_equal(read(fd, &number, sizeof(number)), sizeof(number));
                assert_int_equal(number, n++);
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        while (read(fd, &number, sizeof(number)) == sizeof(number))
                assert_int_equal(number, n++);
        return n;
}

/* All acknowledged links exist, and at most those in flight. */
static unsigned check_survivors(Fixture *f, unsigned n_acknowledged)
{
        char id[32], user[32];
        size_t n_links = audit(f->directory);
        unsigned n = 0;

        assert_int_equal(store_open(f->directory, &f->store), 0);
        for (;; n++) {
                child_id_of(n, id);
                child_user_of(n, user);
                if (!streq(user_of(f->store, "t", id), user))
                        break;
        }
        assert_true(n >= n_acknowledged);
        assert_int_equal(n_links, n);
        assert_int_equal(count(f->store, "t"), n);
        f->store = store_free(f->store);
        return n;
}

static void test_killed(void **state)
{
        Fixture *f = *state;
        unsigned n = 0;

        f->store = store_free(f->store);
        for (unsigned round = 0; round < 6; round++) {
                int fd;
                pid_t pid = child_start(f->directory, n, &fd);

                n = child_kill(pid, fd, n, 500 + round * 1777);
                close(fd);
                n = check_survivors(f, n);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_killed, fixture_setup, fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

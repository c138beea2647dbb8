/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/unit/store-fixture.h"

#define IN_FLIGHT 300U

/* What a child does until it is killed: keeps many adds going, and tells of each that has been
 * acknowledged. */
typedef struct Child {
        Store *store;
        int fd;
        unsigned next;
} Child;

static void child_add(Child *child);

typedef struct Number {
        Child *child;
        unsigned number;
} Number;

static void on_child_added(int r, bool newly_linked, void *userdata)
{
        Number *number = userdata;
        Child *child = number->child;

        if (r != 0 || !newly_linked ||
            write(child->fd, &number->number, sizeof(number->number)) != sizeof(number->number))
                _exit(1);
        free(number);
        child_add(child);
}

static void id_of(unsigned number, char ret[static 32])
{
        snprintf(ret, 32, "%x-auth-%u", number * 2654435761U, number);
}

static void user_of_number(unsigned number, char ret[static 32])
{
        snprintf(ret, 32, "user-%u", number / 3);
}

static void child_add(Child *child)
{
        _cleanup_(link_freep) Link *link = NULL;
        Number *number = malloc(sizeof(Number));
        char id[32], user[32];

        *number = (Number){.child = child, .number = child->next++};
        id_of(number->number, id);
        user_of_number(number->number, user);
        link = make_link(id, user, 1);
        if (store_add(child->store, "t", link, on_child_added, number, NULL) < 0)
                _exit(1);
}

static void child_run(const char *directory, unsigned first, int fd)
{
        Child child = {.fd = fd, .next = first};
        struct pollfd pollfd = {.events = POLLIN};

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (store_open(directory, &child.store) < 0)
                _exit(1);
        for (unsigned i = 0; i < IN_FLIGHT; i++)
                child_add(&child);
        pollfd.fd = store_get_fd(child.store);
        for (;;) {
                if (poll(&pollfd, 1, -1) < 0)
                        _exit(1);
                store_dispatch(child.store);
        }
}

/* Reads so many numbers, kills the child, and reads what it told before that. Returns how many are
 * acknowledged now. */
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

/* All that were acknowledged are there, and no others than were on their way. */
static unsigned check_survivors(Fixture *f, unsigned n_acknowledged)
{
        char id[32], user[32];
        size_t n_links = audit(f->directory);
        unsigned n = 0;

        assert_int_equal(store_open(f->directory, &f->store), 0);
        for (;; n++) {
                id_of(n, id);
                user_of_number(n, user);
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
                int fds[2];
                pid_t pid;

                assert_int_equal(pipe(fds), 0);
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0) {
                        close(fds[0]);
                        child_run(f->directory, n, fds[1]);
                }
                close(fds[1]);
                n = child_kill(pid, fds[0], n, 500 + round * 1777);
                close(fds[0]);
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "tests/unit/daemon/store/store-child.h"

#define IN_FLIGHT 300U

/* The child: adds links and reports acknowledged ones until it is killed. */
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

void child_id_of(unsigned number, char ret[static 32])
{
        snprintf(ret, 32, "%x-auth-%u", number * 2654435761U, number);
}

void child_user_of(unsigned number, char ret[static 32])
{
        snprintf(ret, 32, "user-%u", number / 3);
}

static void child_add(Child *child)
{
        _cleanup_(link_freep) Link *link = NULL;
        Number *number = malloc(sizeof(Number));
        char id[32], user[32];

        *number = (Number){.child = child, .number = child->next++};
        child_id_of(number->number, id);
        child_user_of(number->number, user);
        link = make_link(id, user, 1);
        if (store_add(child->store, "t", link, on_child_added, number, NULL) < 0)
                _exit(1);
}

static void become_owner(const char *directory)
{
        struct stat st;

        if (stat(directory, &st) < 0)
                _exit(1);
        if (st.st_uid != geteuid() && (setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
                                       setresuid(st.st_uid, st.st_uid, st.st_uid) < 0))
                _exit(1);
}

static void child_run(const char *directory, unsigned first, int fd)
{
        Child child = {.fd = fd, .next = first};
        struct pollfd pollfd = {.events = POLLIN};

        become_owner(directory);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (store_open(directory, &child.store) < 0)
                _exit(1);
        for (unsigned i = 0; i < IN_FLIGHT; i++)
                child_add(&child);
        pollfd.fd = store_get_fd(child.store);
        for (;;) {
                if (poll(&pollfd, 1, -1) < 0)
                        _exit(1);
                dispatch_all(child.store);
        }
}

pid_t child_start(const char *directory, unsigned first, int *ret_fd)
{
        int fds[2];
        pid_t pid;

        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                close(fds[0]);
                child_run(directory, first, fds[1]);
        }
        close(fds[1]);
        *ret_fd = fds[0];
        return pid;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * crowd CONNECTIONS CALL
 *
 * Connects to the bus, and makes a call on each connection, or none with "-". Prints "ready", and
 * reads all messages until the end of standard input, and signals until no more arrive. Then prints
 * the smallest and the largest number of Changed signals of a connection, and of links in these.
 */

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "base/macro.h"
#include "tests/load/calls.h"

#define QUIET_MS 500

typedef struct Member {
        sd_bus *bus;
        unsigned n_signals, n_links;
} Member;

/* Counts the pairs of an a(ss). */
static unsigned count_pairs(sd_bus_message *m)
{
        unsigned n = 0;

        check(sd_bus_message_enter_container(m, 'a', "(ss)"), "read a signal");
        for (; sd_bus_message_at_end(m, false) == 0; n++)
                check(sd_bus_message_skip(m, "(ss)"), "read a signal");
        check(sd_bus_message_exit_container(m), "read a signal");
        return n;
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        Member *member = userdata;

        if (sd_bus_message_is_signal(m, NULL, "SubscriptionLost") > 0)
                errx(EXIT_FAILURE, "A subscription was lost");
        if (sd_bus_message_is_signal(m, NULL, "Changed") > 0) {
                member->n_signals++;
                member->n_links += count_pairs(m) + count_pairs(m);
        }
        return 0;
}

static void make_call(Member *member, const char *name)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = call_new(member->bus, name);
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (sd_bus_call(member->bus, m, UINT64_MAX, &error, NULL) < 0)
                errx(EXIT_FAILURE, "%s failed: %s", name, error.message);
}

static void join(Member *member, const char *call, int epoll)
{
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = member};

        member->bus = connect_bus();
        check(sd_bus_add_filter(member->bus, NULL, on_message, member), "add a filter");
        check(sd_bus_get_unique_name(member->bus, &(const char *){NULL}), "say hello to the bus");
        if (!streq(call, "-"))
                make_call(member, call);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, sd_bus_get_fd(member->bus), &event) < 0)
                err(EXIT_FAILURE, "Failed to watch a connection");
}

static void read_messages(Member *member)
{
        while (sd_bus_process(member->bus, NULL) > 0)
                ;
}

/* Reads messages until the end of standard input. */
static void read_all(int epoll)
{
        struct epoll_event event = {.events = EPOLLIN};

        if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) < 0)
                err(EXIT_FAILURE, "Failed to watch standard input");
        while (epoll_wait(epoll, &event, 1, -1) > 0 || errno == EINTR) {
                Member *member = event.data.ptr;

                if (!member)
                        return;
                read_messages(member);
        }
}

/* Reads signals until none arrives for some time, although the daemon runs. */
static void read_signals(Member *members, unsigned n, int epoll)
{
        struct epoll_event event;
        unsigned n_before, n_signals = 0;

        (void) epoll_ctl(epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
        do {
                n_before = n_signals;
                n_signals = 0;
                while (epoll_wait(epoll, &event, 1, QUIET_MS) > 0)
                        read_messages(event.data.ptr);
                for (unsigned i = 0; i < n; i++) {
                        make_call(&members[i], "Ping");
                        read_messages(&members[i]);
                        n_signals += members[i].n_signals;
                }
        } while (n_signals > n_before);
}

typedef struct Range {
        unsigned min, max;
} Range;

static void range_add(Range *range, unsigned n)
{
        range->min = n < range->min ? n : range->min;
        range->max = n > range->max ? n : range->max;
}

static void print(const Member *members, unsigned n)
{
        Range signals = {.min = UINT32_MAX}, links = {.min = UINT32_MAX};

        for (unsigned i = 0; i < n; i++) {
                range_add(&signals, members[i].n_signals);
                range_add(&links, members[i].n_links);
        }
        printf("{\"signals\": [%u, %u], \"links\": [%u, %u]}\n", signals.min, signals.max,
               links.min, links.max);
}

int main(int argc, char *argv[])
{
        _cleanup_(freep) Member *members = NULL;
        struct rlimit files;
        unsigned n;
        int epoll;

        if (argc != 3)
                errx(EXIT_FAILURE, "usage: crowd CONNECTIONS CALL|-");
        n = (unsigned) atoi(argv[1]);
        members = calloc(n, sizeof(Member));
        epoll = epoll_create1(EPOLL_CLOEXEC);
        if (n < 1 || !members || epoll < 0)
                errx(EXIT_FAILURE, "Failed to start");
        (void) getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &files);

        for (unsigned i = 0; i < n; i++)
                join(&members[i], argv[2], epoll);
        puts("ready");
        (void) fflush(stdout);
        read_all(epoll);
        if (streq(argv[2], "Subscribe"))
                read_signals(members, n, epoll);
        print(members, n);
        for (unsigned i = 0; i < n; i++)
                sd_bus_close_unref(members[i].bus);
        return fflush(stdout) < 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <systemd/sd-bus.h>

#include "tests/client/harness.h"

typedef struct Seen {
        unsigned n;
        unsigned cancel_at; /* 0: never */
        struct Seen *next;  /* of a monitor to create at cancel_at */
        char log[4096];
        passlock_monitor *monitor;
} Seen;

static void on_change(passlock *client, enum passlock_links_change change, int r,
                      const char *user_id, const char *authenticator_id, void *userdata)
{
        Seen *s = userdata;
        size_t len = strlen(s->log);

        if (change == PASSLOCK_LINKS_ADDED)
                snprintf(s->log + len, sizeof(s->log) - len, "+%s:%s ", user_id, authenticator_id);
        else if (change == PASSLOCK_LINKS_REMOVED)
                snprintf(s->log + len, sizeof(s->log) - len, "-%s:%s ", user_id, authenticator_id);
        else {
                assert_null(user_id);
                assert_null(authenticator_id);
                snprintf(s->log + len, sizeof(s->log) - len, "%s:%d ",
                         change == PASSLOCK_LINKS_WATCHED ? "watched" : "lost", r);
        }
        if (change != PASSLOCK_LINKS_LOST)
                assert_int_equal(r, 0);
        if (++s->n != s->cancel_at)
                return;
        s->monitor = passlock_monitor_cancel(s->monitor);
        if (s->next)
                assert_int_equal(
                        passlock_links_monitor(client, on_change, s->next, &s->next->monitor), 0);
}

/* Starts a monitor and waits until it is subscribed. */
static void watch(Harness *h, Seen *s)
{
        assert_int_equal(passlock_links_monitor(h->client, on_change, s, &s->monitor), 0);
        harness_run_until(h, &s->n, 1);
        assert_string_equal(s->log, "watched:0 ");
}

/* Executes a command of fake-subscriptions.c, after all messages that the client has sent. */
static void command(Harness *h, const char *word)
{
        assert_int_equal(passlock_links_add(h->client, word, "x"), 0);
}

/* Expects `before`, the loss with this reason, then `after`. */
static void expect_loss(const Seen *s, const char *before, int r, const char *after)
{
        char expected[4096];

        snprintf(expected, sizeof(expected), "%slost:%d %s", before, r, after);
        assert_string_equal(s->log, expected);
}

static void test_changes(void **state)
{
        Harness *h = *state;
        Seen s = {}, other = {};

        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, NULL), 0);
        assert_int_equal(passlock_set_tenancy(h->client, "other"), 0);
        assert_int_equal(passlock_links_monitor(h->client, on_change, &other, &other.monitor), 0);
        assert_int_equal(s.n, 0);
        harness_run_until(h, &s.n, 1);
        harness_run_until(h, &other.n, 1);
        assert_int_equal(passlock_links_add(h->client, "ada", "a2"), 0);
        assert_int_equal(passlock_set_tenancy(h->client, NULL), 0);
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        assert_int_equal(passlock_links_remove(h->client, "a1"), 0);
        assert_int_equal(s.n, 1);
        harness_run_until(h, &s.n, 3);
        harness_run_until(h, &other.n, 2);
        assert_string_equal(s.log, "watched:0 +ada:a1 -ada:a1 ");
        assert_string_equal(other.log, "watched:0 +ada:a2 ");

        assert_null(passlock_monitor_cancel(other.monitor));
        assert_int_equal(passlock_set_tenancy(h->client, "other"), 0);
        assert_int_equal(passlock_links_add(h->client, "ada", "a3"), 0);
        harness_settle(h);
        assert_int_equal(other.n, 2);
        assert_int_equal(s.n, 3);
        assert_int_equal(harness_count_log(h, "Unsubscribe"), 1);
        assert_int_equal(harness_count_log(h, "Unsubscribe other"), 1);
}

/* The links that a signal removes are delivered before those that it adds. */
static void test_order(void **state)
{
        Harness *h = *state;
        Seen s = {};

        watch(h, &s);
        command(h, "swap");
        harness_run_until(h, &s.n, 5);
        assert_string_equal(s.log, "watched:0 -u1:old1 -u2:old2 +u1:new1 +u2:new2 ");
}

static void test_malformed(void **state)
{
        Harness *h = *state;
        Seen s = {};

        watch(h, &s);
        command(h, "malformed");
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        harness_run_until(h, &s.n, 2);
        assert_string_equal(s.log, "watched:0 +ada:a1 ");
}

/* A label and the default tenancy may be the same object. */
static void test_sharing(void **state)
{
        Harness *h = *state;
        Seen s = {}, other = {};

        watch(h, &s);
        assert_int_equal(passlock_set_tenancy(h->client, "default"), 0);
        watch(h, &other);
        assert_int_equal(harness_count_log(h, "Subscribe default"), 2);
        assert_null(passlock_monitor_cancel(s.monitor));
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        harness_run_until(h, &other.n, 2);
        assert_string_equal(other.log, "watched:0 +ada:a1 ");
        assert_int_equal(harness_count_log(h, "Unsubscribe"), 0);
        assert_null(passlock_monitor_cancel(other.monitor));
        harness_run_until_line(h, "Unsubscribe default");
        assert_int_equal(s.n, 1);
}

/* The Subscribe of a new monitor is handled after the Unsubscribe of the cancelled one. */
static void test_replacement(void **state)
{
        Harness *h = *state;
        Seen s = {}, second = {.cancel_at = 1}, third = {};

        watch(h, &s);
        assert_null(passlock_monitor_cancel(s.monitor));
        second.next = &third;
        assert_int_equal(passlock_links_monitor(h->client, on_change, &second, &second.monitor), 0);
        harness_run_until(h, &third.n, 1);
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        harness_run_until(h, &third.n, 2);
        assert_string_equal(second.log, "watched:0 ");
        assert_string_equal(third.log, "watched:0 +ada:a1 ");
        assert_int_equal(harness_count_log(h, "Unsubscribe"), 2);
        assert_int_equal(harness_count_log(h, "Unsubscribe default in vain"), 0);
}

static void test_cancel_in_flight(void **state)
{
        Harness *h = *state;
        Seen s = {};

        command(h, "hold");
        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, &s.monitor), 0);
        harness_run_until_line(h, "Subscribe default");
        assert_null(passlock_monitor_cancel(s.monitor));
        command(h, "release");
        harness_settle(h);
        assert_int_equal(s.n, 0);
        assert_int_equal(harness_count_log(h, "Unsubscribe"), 1);
        assert_int_equal(harness_count_log(h, "Unsubscribe default in vain"), 0);
}

/* A Subscribe in flight keeps the subscription of a cancelled monitor. */
static void test_cancel_with_other_in_flight(void **state)
{
        Harness *h = *state;
        Seen s = {}, other = {};

        watch(h, &s);
        command(h, "hold");
        assert_int_equal(passlock_links_monitor(h->client, on_change, &other, NULL), 0);
        assert_null(passlock_monitor_cancel(s.monitor));
        command(h, "release");
        harness_run_until(h, &other.n, 1);
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        harness_run_until(h, &other.n, 2);
        assert_string_equal(other.log, "watched:0 +ada:a1 ");
        assert_int_equal(harness_count_log(h, "Unsubscribe"), 0);
}

/* The last failed Subscribe ends the subscription of a cancelled monitor. */
static void test_denied_after_cancel(void **state)
{
        Harness *h = *state;
        Seen s = {}, others[2] = {};

        watch(h, &s);
        command(h, "hold");
        for (unsigned i = 0; i < 2; i++)
                assert_int_equal(passlock_links_monitor(h->client, on_change, &others[i], NULL), 0);
        assert_null(passlock_monitor_cancel(s.monitor));
        command(h, "release-deny");
        for (unsigned i = 0; i < 2; i++) {
                harness_run_until(h, &others[i].n, 1);
                expect_loss(&others[i], "", PASSLOCK_ERROR_ACCESS_DENIED, "");
        }
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        assert_int_equal(harness_count_log(h, "Unsubscribe"), 1);
        assert_int_equal(harness_count_log(h, "Unsubscribe default in vain"), 0);
}

/* The daemon notices that a client leaves the bus. */
static void test_release(void **state)
{
        Harness *h = *state;
        passlock *client = h->client;
        Seen s = {};

        assert_int_equal(passlock_new(&h->client), 0);
        watch(h, &s);
        passlock_unref(h->client);
        h->client = client;
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        assert_int_equal(harness_count_log(h, "Unsubscribe"), 0);
}

static void test_subscription_lost(void **state)
{
        Harness *h = *state;
        Seen s = {}, shared = {}, other = {};

        watch(h, &s);
        watch(h, &shared);
        assert_int_equal(passlock_set_tenancy(h->client, "other"), 0);
        watch(h, &other);
        assert_int_equal(passlock_set_tenancy(h->client, NULL), 0);
        command(h, "lose");
        harness_run_until(h, &s.n, 3);
        harness_run_until(h, &shared.n, 3);
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        harness_run_until(h, &s.n, 4);
        harness_run_until(h, &shared.n, 4);
        expect_loss(&s, "watched:0 ", -ENOBUFS, "watched:0 +ada:a1 ");
        expect_loss(&shared, "watched:0 ", -ENOBUFS, "watched:0 +ada:a1 ");
        assert_string_equal(other.log, "watched:0 ");
        assert_int_equal(harness_count_log(h, "Subscribe default"), 4);
        assert_string_equal(passlock_strerror(-ENOBUFS), "The service ended the subscription");
}

static void test_subscription_lost_again(void **state)
{
        char expected[4096] = "watched:0 ";
        Harness *h = *state;
        Seen s = {};

        watch(h, &s);
        for (unsigned i = 1; i <= 20; i++) {
                size_t len = strlen(expected);

                command(h, "lose");
                harness_run_until(h, &s.n, 1 + 2 * i);
                snprintf(expected + len, sizeof(expected) - len, "lost:%d watched:0 ", -ENOBUFS);
        }
        harness_settle(h);
        assert_string_equal(s.log, expected);
        assert_int_equal(harness_count_log(h, "Subscribe"), 21);
}

/* Denied monitors are not retried before a restart of the service. */
static void test_resubscription_denied(void **state)
{
        char expected[128];
        Harness *h = *state;
        Seen s = {};

        watch(h, &s);
        command(h, "lose-deny");
        harness_run_until(h, &s.n, 3);
        command(h, "lose");
        harness_settle(h);
        snprintf(expected, sizeof(expected), "watched:0 lost:%d ", -ENOBUFS);
        expect_loss(&s, expected, PASSLOCK_ERROR_ACCESS_DENIED, "");
        assert_int_equal(harness_count_log(h, "Subscribe"), 2);
        assert_int_equal(harness_count_log(h, "Unsubscribe"), 0);
        harness_stop_service(h);
        harness_start_service(h, NULL);
        harness_run_until(h, &s.n, 4);
        expect_loss(&s, expected, PASSLOCK_ERROR_ACCESS_DENIED, "watched:0 ");
}

/* The reply to a Subscribe does not hide a loss that was signalled before. */
static void test_lost_in_flight(void **state)
{
        Harness *h = *state;
        Seen s = {};

        command(h, "hold");
        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, NULL), 0);
        harness_run_until_line(h, "Subscribe default");
        command(h, "lose");
        command(h, "lose");
        assert_int_equal(harness_count_log(h, "Subscribe"), 1);
        command(h, "release");
        harness_run_until(h, &s.n, 1);
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        harness_run_until(h, &s.n, 2);
        assert_string_equal(s.log, "watched:0 +ada:a1 ");
        assert_int_equal(harness_count_log(h, "Subscribe"), 2);
}

/* A monitor that cancels itself when it is lost has subscribed again by then. */
static void test_cancel_when_lost(void **state)
{
        Harness *h = *state;
        Seen s = {.cancel_at = 2};

        watch(h, &s);
        command(h, "lose");
        harness_run_until(h, &s.n, 2);
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        harness_settle(h);
        expect_loss(&s, "watched:0 ", -ENOBUFS, "");
        assert_int_equal(harness_count_log(h, "Subscribe"), 2);
        assert_int_equal(harness_count_log(h, "Unsubscribe"), 1);
        assert_int_equal(harness_count_log(h, "Unsubscribe default in vain"), 0);
}

/* Ends the subscriptions and then the service, while the client does not dispatch. */
static void lose_and_die(void)
{
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;

        assert_true(sd_bus_open_system(&bus) >= 0);
        assert_true(sd_bus_call_method(bus, "dev.passlock.Passlock1",
                                       "/dev/passlock/Passlock1/tenancy/default",
                                       "dev.passlock.Passlock1.Links", "Add", NULL, NULL, "ss",
                                       "lose-die", "x") < 0);
}

static void test_restart_when_lost(void **state)
{
        Harness *h = *state;
        Seen s = {};

        watch(h, &s);
        lose_and_die();
        harness_reap_service(h);
        harness_start_service(h, NULL);
        harness_run_until(h, &s.n, 3);
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        harness_run_until(h, &s.n, 4);
        expect_loss(&s, "watched:0 ", -ENOBUFS, "watched:0 +ada:a1 ");
}

static void test_cancel(void **state)
{
        Harness *h = *state;
        Seen s = {.cancel_at = 2}, never = {};

        assert_int_equal(passlock_links_monitor(h->client, on_change, &never, &never.monitor), 0);
        assert_null(passlock_monitor_cancel(never.monitor));
        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, &s.monitor), 0);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        assert_int_equal(passlock_links_add(h->client, "ada", "a2"), 0);
        harness_settle(h);
        assert_string_equal(s.log, "watched:0 +ada:a1 ");
        assert_null(s.monitor);
        assert_int_equal(never.n, 0);
        assert_int_equal(passlock_links_monitor(h->client, NULL, &s, NULL), -EINVAL);
        assert_int_equal(passlock_links_monitor(NULL, on_change, &s, NULL), -EINVAL);
}

static void test_service_restart(void **state)
{
        Harness *h = *state;
        Seen s = {};

        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, NULL), 0);
        harness_run_until(h, &s.n, 1);
        harness_stop_service(h);
        harness_run_until(h, &s.n, 2);
        harness_start_service(h, NULL);
        harness_run_until(h, &s.n, 3);
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        harness_run_until(h, &s.n, 4);
        expect_loss(&s, "watched:0 ", -EHOSTDOWN, "watched:0 +ada:a1 ");
}

static void test_bus_restart(void **state)
{
        Harness *h = *state;
        Seen s = {};

        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, NULL), 0);
        harness_run_until(h, &s.n, 1);
        harness_stop_bus(h);
        harness_run_until(h, &s.n, 2);
        harness_reap_service(h);
        harness_start_bus(h);
        harness_start_service(h, NULL);
        harness_run_until(h, &s.n, 3);
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        harness_run_until(h, &s.n, 4);
        expect_loss(&s, "watched:0 ", -ENOTCONN, "watched:0 +ada:a1 ");
}

static void test_before_the_service(void **state)
{
        Harness *h = *state;
        Seen s = {};

        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, NULL), 0);
        harness_run_until(h, &s.n, 1);
        harness_start_service(h, NULL);
        harness_run_until(h, &s.n, 2);
        expect_loss(&s, "", -EHOSTDOWN, "watched:0 ");
}

static void test_before_the_bus(void **state)
{
        Harness *h = *state;
        Seen s = {};

        harness_stop_bus(h);
        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, NULL), 0);
        harness_run_until(h, &s.n, 1);
        harness_start_bus(h);
        harness_start_service(h, NULL);
        harness_run_until(h, &s.n, 2);
        expect_loss(&s, "", -ENOTCONN, "watched:0 ");
}

static void test_denied(void **state)
{
        Harness *h = *state;
        Seen s = {};

        harness_stop_service(h);
        harness_start_service(h, "deny");
        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, NULL), 0);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        harness_settle(h);
        expect_loss(&s, "", PASSLOCK_ERROR_ACCESS_DENIED, "");
        harness_stop_service(h);
        harness_start_service(h, NULL);
        harness_run_until(h, &s.n, 2);
        expect_loss(&s, "", PASSLOCK_ERROR_ACCESS_DENIED, "watched:0 ");
}

/* Only the first call of a monitor activates the service. */
static void test_activation(void **state)
{
        Harness *h = *state;
        Seen s = {};

        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, NULL), 0);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(passlock_set_timeout_ms(h->client, 20000), 0);
        assert_int_equal(passlock_links_add(h->client, "die-always", "a"), -ECONNRESET);
        /* The retried call activated the service, which crashed again: the monitor does not
         * activate it. */
        assert_int_equal(harness_count_log(h, "ready"), 2);
        harness_settle(h);
        assert_int_equal(harness_count_log(h, "ready"), 2);
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        while (!strstr(s.log, "+ada:a1") && !strstr(s.log, "lost"))
                harness_run_until(h, &s.n, s.n + 1);
        assert_int_equal(harness_count_log(h, "ready"), 3);
}

static void touch(const Harness *h, const char *name)
{
        char path[128];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", h->dir, name);
        f = fopen(path, "we");
        assert_non_null(f);
        fclose(f);
}

static bool exists(const Harness *h, const char *name)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", h->dir, name);
        return access(path, F_OK) == 0;
}

/* D-Bus activation creates the file "activated", and starts the service when "go" exists. */
static void write_slow_activation(const Harness *h)
{
        char path[128];
        FILE *f;

        snprintf(path, sizeof(path), "%s/services/slow.service", h->dir);
        f = fopen(path, "we");
        assert_non_null(f);
        fprintf(f,
                "[D-BUS Service]\nName=dev.passlock.Passlock1\nExec=/bin/sh -c 'touch "
                "%s/activated; "
                "until [ -e %s/go ]; do sleep 0.05; done; exec %s %s'\n",
                h->dir, h->dir, getenv("FAKE_SERVICE"), h->dir);
        fclose(f);
}

/* Unsubscribe reaches the service after Subscribe. */
static void test_cancel_during_activation(void **state)
{
        Harness *h = *state;
        Seen s = {};

        write_slow_activation(h);
        assert_int_equal(passlock_set_tenancy(h->client, "default"), 0);
        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, &s.monitor), 0);
        while (!exists(h, "activated")) {
                struct pollfd fd = {.fd = passlock_get_fd(h->client), .events = POLLIN};

                if (poll(&fd, 1, 10) > 0)
                        assert_int_equal(passlock_dispatch(h->client), 0);
        }
        assert_null(passlock_monitor_cancel(s.monitor));
        touch(h, "go");
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        harness_settle(h);
        assert_int_equal(s.n, 0);
        assert_int_equal(harness_count_log(h, "Subscribe default"), 1);
        assert_int_equal(harness_count_log(h, "Unsubscribe default"), 1);
        assert_int_equal(harness_count_log(h, "Unsubscribe default in vain"), 0);
}

static void send_forged(sd_bus *bus, const char *destination, const char *path,
                        const char *interface, const char *member, const char *types, ...)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        va_list ap;

        va_start(ap, types);
        assert_true(sd_bus_message_new_signal(bus, &m, path, interface, member) >= 0);
        assert_true(sd_bus_message_appendv(m, types, ap) >= 0);
        assert_true(sd_bus_send_to(bus, m, destination, NULL) >= 0);
        va_end(ap);
}

static void send_forgeries(sd_bus *bus, const char *destination)
{
        static const char path[] = "/dev/passlock/Passlock1/tenancy/default",
                          interface[] = "dev.passlock.Passlock1.Links";

        send_forged(bus, destination, path, interface, "Changed", "a(ss)a(ss)", 1, "mallory", "a1",
                    0);
        send_forged(bus, destination, path, interface, "SubscriptionLost", "");
        send_forged(bus, destination, "/org/freedesktop/DBus", "org.freedesktop.DBus",
                    "NameOwnerChanged", "sss", "dev.passlock.Passlock1", ":1.0", "");
}

/* Any peer on a system bus can send unicast signals to any other. */
static void test_forgery(void **state)
{
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        Harness *h = *state;
        char name[32];
        Seen s = {};

        watch(h, &s);
        assert_true(sd_bus_open_system(&bus) >= 0);
        /* The client's unique name is one of these. */
        for (unsigned i = 0; i < 8; i++) {
                snprintf(name, sizeof(name), ":1.%u", i);
                send_forgeries(bus, name);
        }
        assert_true(sd_bus_flush(bus) >= 0);
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        harness_run_until(h, &s.n, 2);
        harness_settle(h);
        assert_string_equal(s.log, "watched:0 +ada:a1 ");
        assert_int_equal(harness_count_log(h, "Subscribe"), 1);
}

static void test_overflow(void **state)
{
        Harness *h = *state;
        Seen s = {};

        watch(h, &s);
        assert_int_equal(passlock_links_add(h->client, "batch", "10002"), 0);
        harness_run_until(h, &s.n, 2);
        harness_settle(h);
        assert_string_equal(s.log, "watched:0 watched:0 +u:a ");
}

#define service(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
#define bus_only(name) \
        cmocka_unit_test_setup_teardown(name, harness_setup_bus_only, harness_teardown)
#define activatable(name) \
        cmocka_unit_test_setup_teardown(name, harness_setup_activatable, harness_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                service(test_changes),
                service(test_order),
                service(test_malformed),
                service(test_sharing),
                service(test_replacement),
                service(test_cancel_in_flight),
                service(test_cancel_with_other_in_flight),
                service(test_denied_after_cancel),
                service(test_release),
                service(test_subscription_lost),
                service(test_subscription_lost_again),
                service(test_resubscription_denied),
                service(test_lost_in_flight),
                service(test_cancel_when_lost),
                service(test_restart_when_lost),
                service(test_cancel),
                service(test_service_restart),
                service(test_bus_restart),
                bus_only(test_before_the_service),
                bus_only(test_before_the_bus),
                service(test_denied),
                activatable(test_activation),
                bus_only(test_cancel_during_activation),
                service(test_forgery),
                service(test_overflow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

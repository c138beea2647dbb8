/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <systemd/sd-bus.h>

#include "tests/client/harness.h"

typedef struct Seen {
        unsigned n;
        unsigned cancel_at; /* 0: never */
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
        if (++s->n == s->cancel_at)
                s->monitor = passlock_monitor_cancel(s->monitor);
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

static void send_forged(const char *path, const char *destination, const char *interface,
                        const char *member, const char *s1, const char *s2, const char *s3)
{
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        assert_true(sd_bus_open_system(&bus) >= 0);
        assert_true(sd_bus_message_new_signal(bus, &m, path, interface, member) >= 0);
        assert_true(sd_bus_message_append(m, "ss", s1, s2) >= 0);
        if (s3)
                assert_true(sd_bus_message_append(m, "s", s3) >= 0);
        assert_true(sd_bus_send_to(bus, m, destination, NULL) >= 0);
}

/* Any peer on a system bus can send unicast signals to any other. */
static void test_forgery(void **state)
{
        Harness *h = *state;
        char name[32];
        Seen s = {};

        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, NULL), 0);
        harness_run_until(h, &s.n, 1);
        /* The client's unique name is one of these. */
        for (unsigned i = 0; i < 8; i++) {
                snprintf(name, sizeof(name), ":1.%u", i);
                send_forged("/dev/passlock/Passlock1/tenancy/default", name,
                            "dev.passlock.Passlock1.Links", "Added", "mallory", "a1", NULL);
                send_forged("/org/freedesktop/DBus", name, "org.freedesktop.DBus",
                            "NameOwnerChanged", "dev.passlock.Passlock1", ":1.0", "");
        }
        assert_int_equal(passlock_links_add(h->client, "ada", "a1"), 0);
        harness_run_until(h, &s.n, 2);
        harness_settle(h);
        assert_string_equal(s.log, "watched:0 +ada:a1 ");
}

static void test_overflow(void **state)
{
        Harness *h = *state;
        Seen s = {};

        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, NULL), 0);
        harness_run_until(h, &s.n, 1);
        for (unsigned i = 0; i < 10002; i++)
                assert_int_equal(passlock_links_add(h->client, "u", "a"), 0);
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
                service(test_cancel),
                service(test_service_restart),
                service(test_bus_restart),
                bus_only(test_before_the_service),
                bus_only(test_before_the_bus),
                service(test_denied),
                activatable(test_activation),
                service(test_forgery),
                service(test_overflow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

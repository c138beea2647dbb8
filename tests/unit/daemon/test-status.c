/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The status line: text and timing, with fake tenancies. */

#include <errno.h>
#include <stdio.h>

#include "daemon/core/links.h"
#include "daemon/status.h"
#include "dbus/error.h"
#include "tests/unit/test.h"

struct Tenancy {
        const char *label;
        TenancyState state;
        uint64_t n_links; /* UINT64_MAX: the store cannot be read */
};

static struct {
        const char *text;
        bool unread; /* the last status line sent */
        unsigned n_sent;
        char last[64];
} fake;

const char *tenancy_label(const Tenancy *tenancy)
{
        return tenancy->label;
}

TenancyState tenancy_state(const Tenancy *tenancy)
{
        return tenancy->state;
}

const char *tenancy_state_to_string(TenancyState state)
{
        return state == TENANCY_READY ? "ready" : "denied";
}

int links_count(Tenancy *tenancy, uint64_t *ret)
{
        *ret = tenancy->n_links;
        return tenancy->n_links == UINT64_MAX ? ERROR_STORE_FAILED : 0;
}

bool notify_status(Notify *notify, const char *text)
{
        if (fake.unread)
                return false;
        fake.n_sent++;
        snprintf(fake.last, sizeof(fake.last), "%s", text);
        return true;
}

static void expect_text(Tenancy *tenancies, size_t n, size_t n_calls, bool stopping,
                        const char *expected)
{
        Tenancy *list[16] = {NULL};
        char *text;

        for (size_t i = 0; i < n; i++)
                list[i] = &tenancies[i];
        text = status_describe(list, n, n_calls, stopping);
        assert_string_equal(text, expected);
        free(text);
}

static void test_text(void **state)
{
        Tenancy some[] = {
                {"a", TENANCY_READY, 0},          {"b", TENANCY_DENIED, 1}, {"c", TENANCY_READY, 2},
                {"d", TENANCY_READY, UINT64_MAX}, {"e", TENANCY_READY, 2},  {"f", TENANCY_READY, 2},
                {"g", TENANCY_READY, 2},          {"h", TENANCY_READY, 2},  {"i", TENANCY_READY, 2},
                {"j", TENANCY_READY, 2},
        };

        expect_text(some, 0, 0, false, "no tenancies; 0 calls in flight");
        expect_text(some, 1, 1, false, "a ready (0 links); 1 call in flight");
        expect_text(some, 2, 2, true,
                    "Stopping: a ready (0 links), b denied (1 link); 2 calls in flight");
        expect_text(some + 2, 2, 0, false,
                    "c ready (2 links), d ready (store failed); 0 calls in flight");
        expect_text(some + 2, 8, 0, false,
                    "c ready (2 links), d ready (store failed), e ready (2 links), "
                    "f ready (2 links), g ready (2 links), h ready (2 links), i ready (2 links), "
                    "j ready (2 links); 0 calls in flight");
        expect_text(some, 10, 0, false,
                    "a ready (0 links), b denied (1 link), c ready (2 links), "
                    "d ready (store failed), e ready (2 links), f ready (2 links), "
                    "g ready (2 links), h ready (2 links) and 2 more; 0 calls in flight");
}

static char *give_text(void *userdata)
{
        return strdup(fake.text);
}

static int on_event(sd_event_source *source, void *userdata)
{
        return 0;
}

static void run_one(sd_event *event)
{
        assert_true(sd_event_run(event, 10 * 1000 * 1000) > 0);
}

/* Triggers any event. */
static void happen(sd_event *event)
{
        sd_event_source *source = NULL;

        assert_return_code(sd_event_add_defer(event, &source, on_event, NULL), -1);
        run_one(event);
        sd_event_source_unref(source);
}

static void run_until_sent(sd_event *event, unsigned n)
{
        while (fake.n_sent < n)
                run_one(event);
        assert_int_equal(fake.n_sent, n);
}

static void test_sending(void **state)
{
        sd_event *event = NULL;
        Status *status = NULL;

        assert_return_code(sd_event_new(&event), -1);
        fake.text = "one";
        assert_int_equal(status_new(event, NULL, give_text, NULL, &status), 0);
        assert_int_equal(fake.n_sent, 1);
        assert_string_equal(fake.last, "one");

        /* Many events, one message with the latest state. */
        run_one(event);
        for (unsigned i = 0; i < 5; i++)
                happen(event);
        fake.text = "two";
        run_until_sent(event, 2);
        assert_string_equal(fake.last, "two");
        run_one(event);

        /* An unsent status is retried: after the event by the check of the test, and then by the
         * timer. */
        fake.unread = true;
        fake.text = "three";
        happen(event);
        run_one(event);
        run_one(event);
        assert_int_equal(fake.n_sent, 2);
        fake.unread = false;
        run_until_sent(event, 3);
        assert_string_equal(fake.last, "three");

        /* One more check, then no wake-ups. */
        run_one(event);
        assert_int_equal(sd_event_run(event, 1500 * 1000), 0);

        fake.text = "four";
        status_update(status);
        assert_string_equal(fake.last, "four");
        status_free(status);
        sd_event_unref(event);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_sending),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "tests/client/harness.h"

typedef struct Seen {
        unsigned n;
        int r;
        char id[128];
} Seen;

static void on_done(passlock *client, int r, const char *error_text, void *userdata)
{
        Seen *seen = userdata;

        seen->n++;
        seen->r = r;
}

static void on_string(passlock *client, int r, const char *error_text, const char *string,
                      void *userdata)
{
        on_done(client, r, error_text, userdata);
        assert_int_equal(r, 0);
}

static void on_principal(passlock *client, int r, const char *error_text,
                         passlock_principal *principal, void *userdata)
{
        on_done(client, r, error_text, userdata);
        if (principal)
                snprintf(((Seen *) userdata)->id, 128, "%s", passlock_principal_get_id(principal));
}

static void test_new_client_does_not_activate(void **state)
{
        Harness *h = *state;
        passlock *client = NULL;
        uint64_t count;

        assert_int_equal(passlock_new(&client), 0);
        assert_int_equal(passlock_dispatch(client), 0);
        harness_settle(h);
        passlock_unref(client);
        assert_int_equal(harness_count_log(h, "ready"), 0);
        assert_int_equal(passlock_links_count(h->client, &count), 0);
        assert_int_equal(harness_count_log(h, "ready"), 1);
}

static void test_no_service(void **state)
{
        Harness *h = *state;
        uint64_t start = monotonic_ms();
        Seen s = {};

        assert_int_equal(passlock_links_add(h->client, "x", "a"), -EHOSTDOWN);
        assert_int_equal(passlock_links_add_async(h->client, "x", "a", on_done, &s, NULL), 0);
        assert_int_equal(s.n, 0);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(s.r, -EHOSTDOWN);
        assert_true(monotonic_ms() - start < 20000);
        harness_start_service(h, NULL);
        assert_int_equal(passlock_links_add(h->client, "x", "a"), 0);
}

static void test_no_bus(void **state)
{
        Harness *h = *state;
        Seen s = {};

        harness_stop_bus(h);
        assert_int_equal(passlock_links_add(h->client, "x", "a"), -ENOTCONN);
        assert_int_equal(passlock_links_add_async(h->client, "x", "a", on_done, &s, NULL), 0);
        assert_int_equal(s.n, 0);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(s.r, -ENOTCONN);
        harness_start_bus(h);
        harness_start_service(h, NULL);
        assert_int_equal(passlock_links_add(h->client, "x", "a"), 0);
}

/* Expects that the exchange was retried once, with the same request id. */
static void expect_one_repeat(Harness *h, const Seen *s, const char *code)
{
        char line[256];

        assert_int_equal(s->n, 1);
        assert_int_equal(s->r, 0);
        assert_int_equal(strlen(s->id), 32);
        snprintf(line, sizeof(line), "Exchange %s %s", code, s->id);
        assert_int_equal(harness_count_log(h, line), 2);
        assert_int_equal(harness_count_log(h, "Exchange "), 2);
}

static void test_service_dies(void **state)
{
        Harness *h = *state;
        Seen s = {};

        assert_int_equal(
                passlock_exchange_async(h->client, "die-once", NULL, on_principal, &s, NULL), 0);
        while (harness_count_log(h, "Exchange ") == 0)
                passlock_dispatch(h->client);
        harness_reap_service(h);
        harness_settle(h);
        assert_int_equal(s.n, 0);
        harness_start_service(h, NULL);
        harness_run_until(h, &s.n, 1);
        expect_one_repeat(h, &s, "die-once");
}

/* The restarted service reports the interrupted exchange; it is not retried again. */
static void test_lost_reply(void **state)
{
        passlock_principal *untouched = (passlock_principal *) 1;
        Harness *h = *state;

        assert_int_equal(passlock_exchange(h->client, "lost-once", NULL, &untouched),
                         PASSLOCK_ERROR_INTERRUPTED);
        assert_ptr_equal(untouched, (passlock_principal *) 1);
        assert_string_equal(passlock_last_error_text(h->client),
                            passlock_strerror(PASSLOCK_ERROR_INTERRUPTED));
        assert_int_equal(harness_count_log(h, "Exchange lost-once "), 2);
}

static void test_service_is_killed(void **state)
{
        Harness *h = *state;
        Seen s = {};

        assert_int_equal(passlock_links_add(h->client, "warm", "a"), 0);
        assert_int_equal(
                passlock_exchange_async(h->client, "hang-once", NULL, on_principal, &s, NULL), 0);
        while (harness_count_log(h, "Exchange ") == 0)
                passlock_dispatch(h->client);
        harness_stop_service(h);
        harness_start_service(h, NULL);
        harness_run_until(h, &s.n, 1);
        expect_one_repeat(h, &s, "hang-once");
}

static void test_service_is_activated_again(void **state)
{
        Harness *h = *state;
        passlock_principal *principal = NULL;
        Seen s = {.n = 1};

        assert_int_equal(passlock_exchange(h->client, "die-once", NULL, &principal), 0);
        snprintf(s.id, sizeof(s.id), "%s", passlock_principal_get_id(principal));
        passlock_principal_unref(principal);
        expect_one_repeat(h, &s, "die-once");
        assert_int_equal(harness_count_log(h, "ready"), 2);
}

static void test_service_dies_twice(void **state)
{
        Harness *h = *state;

        assert_int_equal(passlock_links_add(h->client, "die-always", "a"), -ECONNRESET);
        assert_int_equal(harness_count_log(h, "Add die-always"), 2);
        assert_int_equal(passlock_links_add(h->client, "x", "a"), 0);
}

static void test_service_stays_away(void **state)
{
        Harness *h = *state;
        uint64_t start;
        Seen s = {};

        assert_int_equal(passlock_links_add(h->client, "warm", "a"), 0);
        assert_int_equal(passlock_set_timeout_ms(h->client, 300), 0);
        start = monotonic_ms();
        assert_int_equal(passlock_links_add(h->client, "die-once", "a"), -ETIMEDOUT);
        assert_in_range(monotonic_ms() - start, 299, 20000);
        /* A new call fails at once: only interrupted calls wait for the service. */
        harness_reap_service(h);
        assert_int_equal(passlock_set_timeout_ms(h->client, 30000), 0);
        assert_int_equal(passlock_links_add_async(h->client, "x", "a", on_done, &s, NULL), 0);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(s.r, -EHOSTDOWN);
}

/* When the service is killed, 100 calls are sent, the limit, and 200 are queued. */
static void test_many_interrupted(void **state)
{
        Harness *h = *state;
        Seen s = {};
        char id[32];

        for (unsigned i = 0; i < 300; i++) {
                snprintf(id, sizeof(id), i < 100 ? "hang-once-%u" : "auth-%u", i);
                assert_int_equal(passlock_links_get_user_async(h->client, id, on_string, &s, NULL),
                                 0);
        }
        harness_run_until_line(h, "GetUser hang-once-99");
        assert_int_equal(harness_count_log(h, "GetUser"), 100);
        harness_stop_service(h);
        harness_settle(h);
        assert_int_equal(s.n, 0);
        harness_start_service(h, NULL);
        harness_run_until(h, &s.n, 300);
        assert_int_equal(harness_count_log(h, "GetUser"), 400);
}

static void test_many_without_a_service(void **state)
{
        Harness *h = *state;
        Seen s = {};

        for (unsigned i = 0; i < 300; i++)
                assert_int_equal(passlock_links_add_async(h->client, "x", "a", on_done, &s, NULL),
                                 0);
        harness_run_until(h, &s.n, 300);
        assert_int_equal(s.r, -EHOSTDOWN);
}

static void test_cancel_frees_send_slots(void **state)
{
        Harness *h = *state;
        passlock_call *calls[100];
        Seen s = {}, last = {};

        for (unsigned i = 0; i < 100; i++)
                assert_int_equal(
                        passlock_links_add_async(h->client, "hang", "a", on_done, &s, &calls[i]),
                        0);
        assert_int_equal(passlock_links_add_async(h->client, "x", "a", on_done, &last, NULL), 0);
        for (unsigned i = 0; i < 100; i++)
                harness_run_until_line(h, "Add hang a");
        harness_settle(h);
        assert_int_equal(harness_count_log(h, "Add x"), 0);
        for (unsigned i = 0; i < 100; i++)
                passlock_call_cancel(calls[i]);
        harness_run_until(h, &last.n, 1);
        assert_int_equal(last.r, 0);
        assert_int_equal(s.n, 0);
}

static void test_removal_is_retried(void **state)
{
        Harness *h = *state;

        assert_int_equal(passlock_links_remove(h->client, "gone-once"), 0);
        assert_int_equal(harness_count_log(h, "Remove gone-once"), 2);
        assert_int_equal(passlock_links_remove(h->client, "gone-once"), PASSLOCK_ERROR_NOT_FOUND);
        /* For other methods NotFound is an error. */
        assert_int_equal(passlock_links_add(h->client, "gone-once-add", "a"),
                         PASSLOCK_ERROR_NOT_FOUND);
}

/* Sign-in calls are retried: at worst an unused token is left. */
static void test_sign_in_is_retried(void **state)
{
        Harness *h = *state;
        passlock_principal *principal = NULL;
        passlock_token *token = NULL;

        assert_int_equal(passlock_authorize_authentication(h->client, "die-once-rp", NULL, &token),
                         0);
        passlock_token_unref(token);
        assert_int_equal(passlock_verify_id_token(h->client, "die-once-token", NULL, &principal),
                         0);
        passlock_principal_unref(principal);
        assert_int_equal(harness_count_log(h, "AuthorizeAuthentication die-once-rp"), 2);
        assert_int_equal(harness_count_log(h, "VerifyIdToken die-once-token"), 2);
}

static void test_bus_dies(void **state)
{
        Harness *h = *state;
        int fd = passlock_get_fd(h->client);
        Seen s = {};

        assert_int_equal(
                passlock_exchange_async(h->client, "hang-once", NULL, on_principal, &s, NULL), 0);
        while (harness_count_log(h, "Exchange ") == 0)
                passlock_dispatch(h->client);
        harness_stop_bus(h);
        harness_reap_service(h);
        harness_settle(h);
        assert_int_equal(s.n, 0);
        harness_start_bus(h);
        harness_start_service(h, NULL);
        harness_run_until(h, &s.n, 1);
        expect_one_repeat(h, &s, "hang-once");
        assert_int_equal(passlock_get_fd(h->client), fd);
}

static void test_bus_stays_away(void **state)
{
        Harness *h = *state;
        passlock_call *call = NULL;
        Seen s = {}, other = {};

        assert_int_equal(passlock_links_add_async(h->client, "hang", "a", on_done, &s, &call), 0);
        harness_run_until_line(h, "Add hang a");
        harness_stop_bus(h);
        harness_settle(h);
        assert_int_equal(s.n, 0);
        assert_int_equal(passlock_links_add_async(h->client, "x", "a", on_done, &other, NULL), 0);
        harness_run_until(h, &other.n, 1);
        assert_int_equal(other.r, -ENOTCONN);
        assert_int_equal(s.n, 0);
        assert_int_equal(passlock_call_set_timeout_ms(call, 100), 0);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(s.r, -ETIMEDOUT);
}

static void test_idle_client_survives(void **state)
{
        Harness *h = *state;

        assert_int_equal(passlock_links_add(h->client, "x", "a"), 0);
        harness_stop_bus(h);
        harness_reap_service(h);
        harness_start_bus(h);
        harness_start_service(h, NULL);
        assert_int_equal(passlock_links_add(h->client, "y", "a"), 0);
        assert_int_equal(harness_count_log(h, "Add y"), 1);
}

static void test_cancel_while_waiting(void **state)
{
        Harness *h = *state;
        passlock_call *call = NULL;
        Seen s = {};

        assert_int_equal(passlock_links_add_async(h->client, "hang-once", "a", on_done, &s, &call),
                         0);
        harness_run_until_line(h, "Add hang-once a");
        harness_stop_service(h);
        harness_settle(h);
        passlock_call_cancel(call);
        harness_start_service(h, NULL);
        assert_int_equal(passlock_links_add(h->client, "x", "a"), 0);
        harness_settle(h);
        assert_int_equal(s.n, 0);
        assert_int_equal(harness_count_log(h, "Add hang-once"), 1);
}

#define service(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
#define bus_only(name) \
        cmocka_unit_test_setup_teardown(name, harness_setup_bus_only, harness_teardown)
#define activatable(name) \
        cmocka_unit_test_setup_teardown(name, harness_setup_activatable, harness_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                activatable(test_new_client_does_not_activate),
                bus_only(test_no_service),
                bus_only(test_no_bus),
                service(test_service_dies),
                service(test_service_is_killed),
                activatable(test_service_is_activated_again),
                activatable(test_service_dies_twice),
                activatable(test_lost_reply),
                service(test_service_stays_away),
                service(test_many_interrupted),
                bus_only(test_many_without_a_service),
                service(test_cancel_frees_send_slots),
                activatable(test_removal_is_retried),
                activatable(test_sign_in_is_retried),
                service(test_bus_dies),
                service(test_bus_stays_away),
                service(test_idle_client_survives),
                service(test_cancel_while_waiting),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

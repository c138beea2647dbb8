/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "tests/client/harness.h"

typedef struct Seen {
        unsigned n;
        int r;
        uint64_t checked;
        unsigned n_progress;
        uint64_t progress[8];
        passlock_call *call;
} Seen;

static void on_progress(passlock *client, uint64_t checked, uint64_t links, void *userdata)
{
        Seen *seen = userdata;

        assert_int_equal(seen->n, 0);
        assert_int_equal(links, 200);
        assert_true(seen->n_progress < ARRAY_SIZE(seen->progress));
        seen->progress[seen->n_progress++] = checked;
}

static void on_progress_cancel(passlock *client, uint64_t checked, uint64_t links, void *userdata)
{
        Seen *seen = userdata;

        seen->call = passlock_call_cancel(seen->call);
        seen->n_progress++;
}

static void on_end(passlock *client, int r, const char *error_text,
                   passlock_reconciliation *reconciliation, void *userdata)
{
        Seen *seen = userdata;

        assert_int_equal(r == 0, reconciliation != NULL);
        assert_int_equal(r == 0, error_text == NULL);
        seen->n++;
        seen->r = r;
        if (reconciliation)
                seen->checked = passlock_reconciliation_get_checked(reconciliation);
}

static void restart(Harness *h, const char *option)
{
        harness_stop_service(h);
        harness_start_service(h, option);
}

static void begin(Harness *h, Seen *s)
{
        assert_int_equal(
                passlock_reconcile_async(h->client, NULL, on_progress, on_end, s, &s->call), 0);
}

static void test_result(void **state)
{
        Harness *h = *state;
        passlock_reconciliation *reconciliation = NULL;
        passlock_options *options = NULL;

        assert_int_equal(passlock_options_new(&options), 0);
        assert_int_equal(passlock_options_set_bool(options, "dry_run", false), 0);
        assert_int_equal(passlock_reconcile(h->client, options, &reconciliation), 0);
        passlock_options_unref(options);
        assert_int_equal(harness_count_log(h, "Reconcile dry_run=no"), 1);
        assert_int_equal(passlock_reconciliation_get_checked(reconciliation), 200);
        assert_int_equal(passlock_reconciliation_get_added(reconciliation), 3);
        assert_int_equal(passlock_reconciliation_get_removed(reconciliation), 2);
        assert_int_equal(passlock_reconciliation_get_conflicts(reconciliation), 1);
        assert_ptr_equal(passlock_reconciliation_ref(reconciliation), reconciliation);
        passlock_reconciliation_unref(reconciliation);
        assert_int_equal(passlock_reconciliation_get_added(reconciliation), 3);
        assert_null(passlock_reconciliation_unref(reconciliation));
        assert_null(passlock_reconciliation_unref(NULL));

        /* The dedicated connection is closed after the call. */
        harness_run_until_line(h, "Reconcile gone");
        assert_int_equal(passlock_reconcile(h->client, NULL, NULL), -EINVAL);
}

static void test_failures(void **state)
{
        passlock_reconciliation *untouched = (passlock_reconciliation *) 1;
        Harness *h = *state;
        Seen s = {};

        restart(h, "reconcile=bad-reply");
        assert_int_equal(passlock_reconcile(h->client, NULL, &untouched), -EPROTO);
        restart(h, "reconcile=error:20");
        assert_int_equal(passlock_reconcile(h->client, NULL, &untouched),
                         PASSLOCK_ERROR_LIMITS_EXCEEDED);
        assert_string_equal(passlock_last_error_text(h->client), "text of 20");
        assert_ptr_equal(untouched, (passlock_reconciliation *) 1);
        assert_int_equal(passlock_reconcile_async(h->client, NULL, NULL, on_end, &s, NULL), 0);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(s.r, PASSLOCK_ERROR_LIMITS_EXCEEDED);
        assert_int_equal(passlock_reconcile_async(h->client, NULL, NULL, NULL, &s, NULL), -EINVAL);
        assert_int_equal(passlock_set_tenancy(h->client, "missing"), 0);
        assert_int_equal(passlock_reconcile(h->client, NULL, &untouched),
                         PASSLOCK_ERROR_UNKNOWN_OBJECT);
}

static void test_progress(void **state)
{
        Harness *h = *state;
        Seen s = {};

        restart(h, "reconcile=steps");
        begin(h, &s);
        harness_run_until(h, &s.n_progress, 1);
        assert_int_equal(passlock_links_add(h->client, "step", "a"), 0);
        harness_run_until(h, &s.n_progress, 2);
        assert_int_equal(passlock_links_add(h->client, "step", "a"), 0);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(s.r, 0);
        assert_int_equal(s.checked, 200);
        assert_int_equal(s.n_progress, 2);
        assert_int_equal(s.progress[0], 50);
        assert_int_equal(s.progress[1], 100);
}

static void test_stray_signals(void **state)
{
        Harness *h = *state;
        Seen s = {};

        restart(h, "reconcile=stray");
        begin(h, &s);
        while (s.n_progress == 0 || s.progress[s.n_progress - 1] != 60)
                harness_run_until(h, &s.n_progress, s.n_progress + 1);
        for (unsigned i = 0; i < s.n_progress; i++)
                assert_true(s.progress[i] == 50 || s.progress[i] == 60);
        passlock_call_cancel(s.call);
}

/* Cancelling does not affect other calls of the client. */
static void test_cancel_stops_the_service(void **state)
{
        Harness *h = *state;
        Seen s = {};

        restart(h, "reconcile=hang");
        assert_int_equal(passlock_links_add(h->client, "before", "a"), 0);
        begin(h, &s);
        harness_run_until_line(h, "Reconcile");
        assert_null(passlock_call_cancel(s.call));
        harness_run_until_line(h, "Reconcile gone");
        assert_int_equal(passlock_links_add(h->client, "after", "a"), 0);
        assert_int_equal(s.n, 0);
}

static void test_cancel_from_progress(void **state)
{
        Harness *h = *state;
        Seen s = {};

        restart(h, "reconcile=steps");
        assert_int_equal(
                passlock_reconcile_async(h->client, NULL, on_progress_cancel, on_end, &s, &s.call),
                0);
        harness_run_until(h, &s.n_progress, 1);
        harness_run_until_line(h, "Reconcile gone");
        harness_settle(h);
        assert_int_equal(s.n_progress, 1);
        assert_int_equal(s.n, 0);
}

static void test_cancel_at_once(void **state)
{
        Harness *h = *state;
        Seen s = {};

        begin(h, &s);
        assert_null(passlock_call_cancel(s.call));
        harness_settle(h);
        assert_int_equal(s.n, 0);
        assert_int_equal(harness_count_log(h, "Reconcile"), 0);
}

static void test_unref_stops_the_service(void **state)
{
        Harness *h = *state;
        Seen s = {};

        restart(h, "reconcile=hang");
        begin(h, &s);
        harness_run_until_line(h, "Reconcile");
        h->client = passlock_unref(h->client);
        assert_int_equal(passlock_new(&h->client), 0);
        harness_run_until_line(h, "Reconcile gone");
        assert_int_equal(s.n, 0);
}

/* A reconciliation ignores the client's timeout. The call's own deadline aborts it in the
 * service. */
static void test_deadline(void **state)
{
        Harness *h = *state;
        uint64_t start;
        Seen s = {};

        restart(h, "reconcile=hang");
        assert_int_equal(passlock_set_timeout_ms(h->client, 50), 0);
        begin(h, &s);
        harness_run_until_line(h, "Reconcile");
        start = monotonic_ms();
        while (monotonic_ms() - start < 200)
                assert_int_equal(passlock_dispatch(h->client), 0);
        assert_int_equal(s.n, 0);
        assert_int_equal(passlock_call_set_timeout_ms(s.call, 50), 0);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(s.r, -ETIMEDOUT);
        harness_run_until_line(h, "Reconcile gone");
}

static void test_not_retried(void **state)
{
        Harness *h = *state;
        Seen s = {};

        restart(h, "reconcile=die-always");
        begin(h, &s);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(s.r, -ECONNRESET);
        assert_int_equal(harness_count_log(h, "Reconcile"), 1);
}

static void test_bus_dies(void **state)
{
        Harness *h = *state;
        Seen s = {};

        restart(h, "reconcile=hang");
        begin(h, &s);
        harness_run_until_line(h, "Reconcile");
        harness_stop_bus(h);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(s.r, -ECONNRESET);
}

static void test_no_service_or_bus(void **state)
{
        passlock_reconciliation *untouched = (passlock_reconciliation *) 1;
        Harness *h = *state;

        assert_int_equal(passlock_reconcile(h->client, NULL, &untouched), -EHOSTDOWN);
        harness_stop_bus(h);
        assert_int_equal(passlock_reconcile(h->client, NULL, &untouched), -ENOTCONN);
}

/* Reconciliations and other calls of a client do not affect each other. */
static void test_independent_of_other_calls(void **state)
{
        Harness *h = *state;
        Seen s = {}, many[3] = {};
        uint64_t count;

        restart(h, "reconcile=steps");
        begin(h, &s);
        harness_run_until(h, &s.n_progress, 1);
        restart(h, "reconcile=hang");
        harness_run_until(h, &s.n, 1);
        assert_int_equal(s.r, -ECONNRESET);
        for (size_t i = 0; i < ARRAY_SIZE(many); i++)
                begin(h, &many[i]);
        for (size_t i = 0; i < ARRAY_SIZE(many); i++)
                harness_run_until_line(h, "Reconcile");
        assert_int_equal(passlock_links_count(h->client, &count), 0);
        passlock_call_cancel(many[1].call);
        assert_int_equal(passlock_links_count(h->client, &count), 0);
        assert_int_equal(many[0].n + many[1].n + many[2].n, 0);
}

/* Releasing the client in a child process does not stop the parent's reconciliation. */
static void test_fork(void **state)
{
        Harness *h = *state;
        Seen s = {};
        int status;
        pid_t pid;

        restart(h, "reconcile=steps");
        begin(h, &s);
        harness_run_until(h, &s.n_progress, 1);
        pid = fork();
        if (pid == 0) {
                passlock_call_cancel(s.call);
                passlock_unref(h->client);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(passlock_links_add(h->client, "step", "a"), 0);
        harness_run_until(h, &s.n_progress, 2);
        assert_int_equal(passlock_links_add(h->client, "step", "a"), 0);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(s.r, 0);
}

static void test_default_tenancy(void **state)
{
        passlock_reconciliation *reconciliation = NULL;
        Harness *h = *state;
        uint64_t count;

        /* Each looks up the default tenancy on its own connection; the client's cache stays valid.
         */
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(passlock_reconcile(h->client, NULL, &reconciliation), 0);
                passlock_reconciliation_unref(reconciliation);
        }
        assert_int_equal(harness_count_log(h, "GetTenancy"), 2);
        assert_int_equal(passlock_links_count(h->client, &count), 0);
        assert_int_equal(harness_count_log(h, "GetTenancy"), 3);
}

#define test(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
#define bus_only(name) \
        cmocka_unit_test_setup_teardown(name, harness_setup_bus_only, harness_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                test(test_result),
                test(test_failures),
                test(test_progress),
                test(test_stray_signals),
                test(test_cancel_stops_the_service),
                test(test_cancel_from_progress),
                test(test_cancel_at_once),
                test(test_unref_stops_the_service),
                test(test_deadline),
                test(test_not_retried),
                test(test_bus_dies),
                bus_only(test_no_service_or_bus),
                test(test_independent_of_other_calls),
                test(test_fork),
                test(test_default_tenancy),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

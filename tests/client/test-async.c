/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "dbus/names.h"
#include "tests/client/harness.h"

/* Results of the callbacks. */
typedef struct Seen {
        unsigned n;
        int r;
        char text[128];
        char string[128];
        uint64_t number;
        void *object;
        passlock_call *call;
        passlock_monitor *monitor;
} Seen;

static void see(Seen *seen, int r, const char *error_text)
{
        seen->n++;
        seen->r = r;
        assert_int_equal(r == 0, error_text == NULL);
        snprintf(seen->text, sizeof(seen->text), "%s", error_text ?: "");
}

static void on_done(passlock *client, int r, const char *error_text, void *userdata)
{
        see(userdata, r, error_text);
}

static void on_string(passlock *client, int r, const char *error_text, const char *string,
                      void *userdata)
{
        Seen *seen = userdata;

        see(seen, r, error_text);
        assert_int_equal(r == 0, string != NULL);
        snprintf(seen->string, sizeof(seen->string), "%s", string ?: "");
}

static void on_number(passlock *client, int r, const char *error_text, uint64_t number,
                      void *userdata)
{
        see(userdata, r, error_text);
        ((Seen *) userdata)->number = number;
}

#define DEFINE_ON(type) \
        static void on_##type(passlock *client, int r, const char *error_text, \
                              passlock_##type *object, void *userdata) \
        { \
                see(userdata, r, error_text); \
                assert_int_equal(r == 0, object != NULL); \
                ((Seen *) userdata)->object = passlock_##type##_ref(object); \
        } \
        struct swallow_semicolon

DEFINE_ON(token);
DEFINE_ON(principal);
DEFINE_ON(link_list);
DEFINE_ON(tenancy);
DEFINE_ON(tenancy_list);

static void test_every_call(void **state)
{
        Harness *h = *state;
        passlock *c = h->client;
        Seen s[14] = {};
        unsigned total = 0;

        assert_int_equal(passlock_authorize_async(c, "r", "u", "n", NULL, on_token, &s[0], NULL),
                         0);
        assert_int_equal(passlock_exchange_async(c, "full", NULL, on_principal, &s[1], NULL), 0);
        assert_int_equal(passlock_links_get_user_async(c, "a", on_string, &s[2], NULL), 0);
        assert_int_equal(passlock_links_list_by_user_async(c, "u", on_link_list, &s[3], NULL), 0);
        assert_int_equal(passlock_links_list_async(c, NULL, 5, on_link_list, &s[4], NULL), 0);
        assert_int_equal(passlock_links_add_async(c, "u", "a", on_done, &s[5], NULL), 0);
        assert_int_equal(passlock_links_remove_async(c, "a", on_done, &s[6], NULL), 0);
        assert_int_equal(passlock_links_remove_by_user_async(c, "u", on_number, &s[7], NULL), 0);
        assert_int_equal(passlock_links_count_async(c, on_number, &s[8], NULL), 0);
        assert_int_equal(passlock_get_tenancy_async(c, on_tenancy, &s[9], NULL), 0);
        assert_int_equal(passlock_list_tenancies_async(c, on_tenancy_list, &s[10], NULL), 0);
        assert_int_equal(passlock_get_version_async(c, on_string, &s[11], NULL), 0);
        assert_int_equal(
                passlock_authorize_authentication_async(c, "r", NULL, on_token, &s[12], NULL), 0);
        assert_int_equal(passlock_verify_id_token_async(c, "t", NULL, on_principal, &s[13], NULL),
                         0);
        for (size_t i = 0; i < ARRAY_SIZE(s); i++)
                assert_int_equal(s[i].n, 0);
        for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
                harness_run_until(h, &s[i].n, 1);
                assert_int_equal(s[i].r, 0);
                total += s[i].n;
        }
        assert_int_equal(total, ARRAY_SIZE(s));
        assert_string_equal(passlock_token_get_text(s[0].object), "r u n");
        assert_string_equal(passlock_principal_get_user_id(s[1].object), "ada");
        assert_string_equal(s[2].string, "user-of-a");
        assert_int_equal(passlock_link_list_get_size(s[3].object), 3);
        assert_int_equal(passlock_link_list_get_size(s[4].object), 0);
        assert_int_equal(s[7].number, 2);
        assert_int_equal(s[8].number, 12345678901);
        assert_string_equal(passlock_tenancy_get_state(s[9].object), "ready");
        assert_int_equal(passlock_tenancy_list_get_size(s[10].object), 2);
        assert_string_equal(s[11].string, "9.8.7");
        assert_string_equal(passlock_token_get_text(s[12].object), "r");
        assert_string_equal(passlock_principal_get_id(s[13].object), "jti-1");
        passlock_token_unref(s[12].object);
        passlock_principal_unref(s[13].object);
        passlock_token_unref(s[0].object);
        passlock_principal_unref(s[1].object);
        passlock_link_list_unref(s[3].object);
        passlock_link_list_unref(s[4].object);
        passlock_tenancy_unref(s[9].object);
        passlock_tenancy_list_unref(s[10].object);
}

static void test_failures(void **state)
{
        Harness *h = *state;
        Seen s[7] = {};

        assert_int_equal(passlock_reload_async(h->client, on_done, &s[0], NULL), 0);
        passlock_exchange_async(h->client, "error:1", NULL, on_principal, &s[1], NULL);
        passlock_links_get_user_async(h->client, "error:5", on_string, &s[2], NULL);
        passlock_links_remove_by_user_async(h->client, "odd-error", on_number, &s[3], NULL);
        passlock_links_list_by_user_async(h->client, "bad-reply", on_link_list, &s[4], NULL);
        passlock_authorize_async(h->client, "r", "error:7", "n", NULL, on_token, &s[5], NULL);
        passlock_set_tenancy(h->client, "missing");
        passlock_get_tenancy_async(h->client, on_tenancy, &s[6], NULL);
        for (size_t i = 0; i < ARRAY_SIZE(s); i++)
                harness_run_until(h, &s[i].n, 1);
        assert_int_equal(s[0].r, PASSLOCK_ERROR_INVALID_ARGS);
        assert_string_equal(s[0].text, "passlockd.conf:3: no");
        assert_int_equal(s[1].r, PASSLOCK_ERROR_INVALID_CODE);
        assert_int_equal(s[2].r, PASSLOCK_ERROR_NOT_FOUND);
        assert_int_equal(s[3].r, -EPROTO);
        assert_int_equal(s[3].number, 0);
        assert_int_equal(s[4].r, -EPROTO);
        assert_string_equal(s[4].text, passlock_strerror(-EPROTO));
        assert_int_equal(s[5].r, PASSLOCK_ERROR_RATE_LIMITED);
        assert_int_equal(s[6].r, PASSLOCK_ERROR_UNKNOWN_OBJECT);
}

static void test_start_refused(void **state)
{
        Harness *h = *state;
        passlock_call *untouched = (passlock_call *) 1;
        Seen s = {};

        assert_int_equal(passlock_links_add_async(h->client, "\xff", "a", on_done, &s, &untouched),
                         PASSLOCK_ERROR_INVALID_ARGS);
        assert_int_equal(passlock_links_add_async(h->client, NULL, "a", on_done, &s, &untouched),
                         -EINVAL);
        assert_int_equal(passlock_links_add_async(h->client, "u", "a", NULL, &s, &untouched),
                         -EINVAL);
        assert_int_equal(passlock_links_add_async(NULL, "u", "a", on_done, &s, &untouched),
                         -EINVAL);
        assert_ptr_equal(untouched, (passlock_call *) 1);
        harness_settle(h);
        assert_int_equal(s.n, 0);
}

static void test_many(void **state)
{
        Harness *h = *state;
        Seen s = {};

        for (unsigned i = 0; i < 700; i++) {
                char id[32];

                snprintf(id, sizeof(id), "auth-%u", i);
                assert_int_equal(passlock_links_get_user_async(h->client, id, on_string, &s, NULL),
                                 0);
        }
        assert_int_equal(s.n, 0);
        harness_run_until(h, &s.n, 700);
        harness_settle(h);
        assert_int_equal(s.n, 700);
        assert_int_equal(s.r, 0);
        assert_int_equal(harness_count_log(h, "GetUser auth-699"), 1);
        assert_int_equal(harness_count_log(h, "GetUser "), 700);
}

static void test_cancel(void **state)
{
        Harness *h = *state;
        passlock_call *early, *sent, *answered;
        Seen s = {}, last = {};

        /* Cancel a call before the client is connected. */
        assert_int_equal(passlock_links_add_async(h->client, "e", "a", on_done, &s, &early), 0);
        assert_null(passlock_call_cancel(early));

        /* Cancel a call that the service has received. */
        assert_int_equal(passlock_links_add_async(h->client, "hang", "a", on_done, &s, &sent), 0);
        harness_run_until_line(h, "Add hang a");
        assert_null(passlock_call_cancel(sent));

        /* Cancel a call whose reply was received, but not dispatched, by a synchronous call. */
        assert_int_equal(passlock_links_add_async(h->client, "x", "a", on_done, &s, &answered), 0);
        assert_int_equal(passlock_links_add(h->client, "y", "a"), 0);
        assert_int_equal(s.n, 0);
        assert_null(passlock_call_cancel(answered));

        assert_int_equal(passlock_links_add_async(h->client, "z", "a", on_done, &last, NULL), 0);
        harness_run_until(h, &last.n, 1);
        harness_settle(h);
        assert_int_equal(s.n, 0);
        assert_int_equal(harness_count_log(h, "Add e a"), 0);
}

static void test_callbacks_wait_for_dispatch(void **state)
{
        Harness *h = *state;
        struct pollfd fd = {.events = POLLIN};
        Seen s = {};

        assert_int_equal(passlock_links_add_async(h->client, "x", "a", on_done, &s, NULL), 0);
        assert_int_equal(passlock_links_add(h->client, "y", "a"), 0);
        assert_int_equal(s.n, 0);
        fd.fd = passlock_get_fd(h->client);
        assert_int_equal(poll(&fd, 1, 0), 1);
        assert_int_equal(passlock_dispatch(h->client), 0);
        assert_int_equal(s.n, 1);
        harness_settle(h);
        assert_int_equal(poll(&fd, 1, 0), 0);
}

static void on_done_try_everything(passlock *client, int r, const char *error_text, void *userdata)
{
        Seen *seen = userdata;

        see(seen, r, error_text);
        assert_int_equal(passlock_links_add(client, "nested", "a"), -EDEADLK);
        assert_string_equal(passlock_last_error_text(client), passlock_strerror(-EDEADLK));
        assert_int_equal(passlock_dispatch(client), -EDEADLK);
        assert_null(passlock_call_cancel(seen->call));
        assert_int_equal(passlock_call_set_timeout_ms(seen->call, 1), 0);
        assert_int_equal(passlock_links_add_async(client, "next", "a", on_done, seen, NULL), 0);
}

static void test_inside_a_callback(void **state)
{
        Harness *h = *state;
        Seen s = {};

        assert_int_equal(
                passlock_links_add_async(h->client, "x", "a", on_done_try_everything, &s, &s.call),
                0);
        harness_run_until(h, &s.n, 2);
        assert_int_equal(s.r, 0);
        assert_int_equal(harness_count_log(h, "Add nested"), 0);
}

static void on_done_unref(passlock *client, int r, const char *error_text, void *userdata)
{
        see(userdata, r, error_text);
        passlock_unref(client);
}

static void test_unref_in_callback(void **state)
{
        Harness *h = *state;
        Seen first = {}, later = {};

        assert_int_equal(passlock_links_add_async(h->client, "1", "a", on_done_unref, &first, NULL),
                         0);
        assert_int_equal(passlock_links_add_async(h->client, "2", "a", on_done, &later, NULL), 0);
        assert_int_equal(passlock_links_add_async(h->client, "hang", "a", on_done, &later, NULL),
                         0);
        /* The first two replies have arrived before the first callback. */
        assert_int_equal(passlock_links_add(h->client, "3", "a"), 0);
        assert_int_equal(passlock_dispatch(h->client), 0);
        assert_int_equal(first.n, 1);
        assert_int_equal(later.n, 0);
        h->client = NULL;
}

static void test_ref(void **state)
{
        Harness *h = *state;
        Seen s = {};

        assert_ptr_equal(passlock_ref(h->client), h->client);
        assert_int_equal(passlock_links_add_async(h->client, "1", "a", on_done_unref, &s, NULL), 0);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(passlock_links_add(h->client, "2", "a"), 0);
}

static void test_deadline(void **state)
{
        Harness *h = *state;
        uint64_t start;
        Seen s = {};

        /* Connect and look up the default tenancy first, so that the next call is sent at once. */
        assert_int_equal(passlock_links_add(h->client, "warm", "a"), 0);
        assert_int_equal(passlock_set_timeout_ms(h->client, 100), 0);
        start = monotonic_ms();
        assert_int_equal(passlock_links_add(h->client, "hang", "a"), -ETIMEDOUT);
        assert_in_range(monotonic_ms() - start, 99, 20000);
        assert_string_equal(passlock_last_error_text(h->client), passlock_strerror(-ETIMEDOUT));
        start = monotonic_ms();
        assert_int_equal(passlock_links_add_async(h->client, "hang", "a", on_done, &s, NULL), 0);
        harness_run_until(h, &s.n, 1);
        assert_in_range(monotonic_ms() - start, 99, 20000);
        assert_int_equal(s.r, -ETIMEDOUT);
        /* The connection still works. */
        assert_int_equal(passlock_set_timeout_ms(h->client, 30000), 0);
        assert_int_equal(passlock_links_add(h->client, "x", "a"), 0);
        assert_int_equal(harness_count_log(h, "Add hang"), 2);
}

static void on_change(passlock *client, enum passlock_links_change change, int r,
                      const char *user_id, const char *authenticator_id, void *userdata)
{
        ((Seen *) userdata)->n++;
}

/* The time without a call does not count: the app runs the loop only for calls. */
static void test_deadline_after_idleness(void **state)
{
        enum { TIMEOUT_MS = 5000 };
        Harness *h = *state;
        Seen seen = {};

        assert_int_equal(passlock_set_timeout_ms(h->client, TIMEOUT_MS), 0);
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(
                        passlock_links_get_user_async(h->client, "a", on_string, &seen, NULL), 0);
                harness_run_until(h, &seen.n, i + 1);
                assert_int_equal(seen.r, 0);
                if (i == 0)
                        assert_int_equal(poll(NULL, 0, TIMEOUT_MS + 100), 0);
        }
}

/* Calls, monitors and reconciliations allow interactive authorization; the tenancy lookup does
 * not. */
static void test_interactive(void **state)
{
        passlock_reconciliation *reconciliation = NULL;
        passlock_monitor *monitor = NULL;
        Harness *h = *state;
        Seen s = {};

        assert_int_equal(passlock_set_interactive(NULL, true), -EINVAL);
        assert_int_equal(passlock_links_add(h->client, "x", "a"), 0);
        assert_int_equal(passlock_set_tenancy(h->client, "other"), 0);
        assert_int_equal(passlock_links_add(h->client, "x", "b"), 0);
        assert_int_equal(harness_count_log(h, "interactive"), 0);

        assert_int_equal(passlock_set_interactive(h->client, true), 0);
        assert_int_equal(passlock_links_add(h->client, "x", "c"), 0);
        assert_int_equal(harness_count_log(h, "interactive Add"), 1);
        assert_int_equal(passlock_reload(h->client), PASSLOCK_ERROR_INVALID_ARGS);
        assert_int_equal(harness_count_log(h, "interactive Reload"), 1);
        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, &monitor), 0);
        harness_run_until(h, &s.n, 1);
        passlock_monitor_cancel(monitor);
        assert_int_equal(harness_count_log(h, "interactive Subscribe"), 1);
        assert_int_equal(passlock_set_tenancy(h->client, NULL), 0);
        assert_int_equal(passlock_reconcile(h->client, NULL, &reconciliation), 0);
        passlock_reconciliation_unref(reconciliation);
        assert_int_equal(harness_count_log(h, "interactive GetTenancy"), 0);
        assert_int_equal(harness_count_log(h, "interactive Reconcile"), 1);

        /* Calls in flight keep their setting. */
        assert_int_equal(passlock_set_interactive(h->client, false), 0);
        assert_int_equal(passlock_links_add(h->client, "x", "d"), 0);
        assert_int_equal(harness_count_log(h, "interactive Add"), 1);
}

/* Calls Authorize: its log line contains the object path. */
static void authorize(Harness *h, const char *user_id, int r)
{
        passlock_token *token = NULL;

        assert_int_equal(passlock_authorize(h->client, "r", user_id, "n", NULL, &token), r);
        passlock_token_unref(token);
}

/* An interactive client whose lookup of the default tenancy is denied uses the label "default". */
static void test_refused_lookup(void **state)
{
        passlock_reconciliation *reconciliation = NULL;
        Harness *h = *state;

        harness_stop_service(h);
        harness_start_service(h, "no-grant");
        authorize(h, "u1", PASSLOCK_ERROR_ACCESS_DENIED);
        assert_int_equal(harness_count_log(h, "Authorize"), 0);

        assert_int_equal(passlock_set_interactive(h->client, true), 0);
        authorize(h, "u2", 0);
        assert_int_equal(harness_count_log(h, "Authorize u2 " PASSLOCK_TENANCY_PATH "/default"), 1);
        /* Later calls use the label "default" without another lookup. */
        harness_stop_service(h);
        harness_start_service(h, "default=other");
        authorize(h, "u3", 0);
        assert_int_equal(harness_count_log(h, "Authorize u3 " PASSLOCK_TENANCY_PATH "/default"), 1);
        assert_int_equal(passlock_reconcile(h->client, NULL, &reconciliation), 0);
        passlock_reconciliation_unref(reconciliation);
        assert_int_equal(harness_count_log(h, "GetTenancy"), 2);

        assert_int_equal(passlock_set_tenancy(h->client, "other"), 0);
        authorize(h, "u4", 0);
        assert_int_equal(passlock_set_tenancy(h->client, NULL), 0);
        assert_int_equal(passlock_set_interactive(h->client, false), 0);
        authorize(h, "u5", 0);
        assert_int_equal(harness_count_log(h, "Authorize u4 " PASSLOCK_TENANCY_PATH "/other"), 1);
        assert_int_equal(harness_count_log(h, "Authorize u5 " PASSLOCK_TENANCY_PATH "/other"), 1);
}

/* Only AccessDenied selects the label "default", no other error. */
static void test_failed_lookup(void **state)
{
        Harness *h = *state;

        harness_stop_service(h);
        assert_int_equal(passlock_set_interactive(h->client, true), 0);
        authorize(h, "u1", -EHOSTDOWN);
        harness_start_service(h, "default=other");
        authorize(h, "u2", 0);
        assert_int_equal(harness_count_log(h, "Authorize u2 " PASSLOCK_TENANCY_PATH "/other"), 1);
}

static void test_refused_lookup_without_default(void **state)
{
        Harness *h = *state;

        harness_stop_service(h);
        harness_start_service(h, "no-default");
        assert_int_equal(passlock_set_interactive(h->client, true), 0);
        for (unsigned i = 0; i < 2; i++) {
                authorize(h, "u1", PASSLOCK_ERROR_UNKNOWN_OBJECT);
                assert_non_null(strstr(passlock_last_error_text(h->client), "--tenancy=LABEL"));
        }
        assert_int_equal(harness_count_log(h, "GetTenancy"), 1);
        assert_int_equal(passlock_set_tenancy(h->client, "missing"), 0);
        authorize(h, "u1", PASSLOCK_ERROR_UNKNOWN_OBJECT);
        assert_null(strstr(passlock_last_error_text(h->client), "--tenancy=LABEL"));
        assert_int_equal(passlock_reload(h->client), PASSLOCK_ERROR_INVALID_ARGS);
}

/* Interactive authorization extends the client's timeout, but not the deadline of one call. */
static void test_deadline_with_interaction(void **state)
{
        Harness *h = *state;
        Seen patient = {}, other = {};
        passlock_call *call = NULL;

        assert_int_equal(passlock_set_timeout_ms(h->client, 1), 0);
        assert_int_equal(passlock_set_interactive(h->client, true), 0);
        assert_int_equal(passlock_links_add_async(h->client, "hang", "a", on_done, &patient, NULL),
                         0);
        assert_int_equal(passlock_links_add_async(h->client, "hang", "b", on_done, &other, &call),
                         0);
        assert_int_equal(passlock_call_set_timeout_ms(call, 100), 0);
        harness_run_until(h, &other.n, 1);
        assert_int_equal(other.r, -ETIMEDOUT);
        assert_int_equal(patient.n, 0);
        assert_int_equal(passlock_set_timeout_ms(h->client, UINT32_MAX), 0);
        assert_int_equal(passlock_links_add(h->client, "x", "a"), 0);
}

static void test_deadline_of_a_call(void **state)
{
        Harness *h = *state;
        passlock_call *call = NULL;
        Seen s = {};

        assert_int_equal(passlock_links_add_async(h->client, "hang", "a", on_done, &s, &call), 0);
        harness_run_until_line(h, "Add hang a");
        assert_int_equal(passlock_call_set_timeout_ms(call, 0), -EINVAL);
        assert_int_equal(passlock_call_set_timeout_ms(call, 50), 0);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(s.r, -ETIMEDOUT);
}

static void use_in_child(passlock *client, Seen *s)
{
        passlock_call *call = s->call;

        if (passlock_links_add(client, "child", "a") != -ECHILD ||
            passlock_links_add_async(client, "child", "a", on_done, s, &call) != -ECHILD ||
            passlock_dispatch(client) != -ECHILD || passlock_get_fd(client) != -ECHILD ||
            passlock_set_tenancy(client, "x") != -ECHILD ||
            passlock_set_timeout_ms(client, 1) != -ECHILD ||
            passlock_set_interactive(client, true) != -ECHILD ||
            passlock_links_monitor(client, on_change, s, NULL) != -ECHILD ||
            passlock_call_set_timeout_ms(call, 1) != -ECHILD)
                _exit(1);
        passlock_call_cancel(call);
        passlock_monitor_cancel(s->monitor);
        passlock_unref(client);
        _exit(s->n == 1 ? 0 : 2);
}

static void test_fork(void **state)
{
        Harness *h = *state;
        Seen s = {}, end = {};
        int status;
        pid_t pid;

        assert_int_equal(passlock_links_monitor(h->client, on_change, &s, &s.monitor), 0);
        harness_run_until(h, &s.n, 1);
        assert_int_equal(passlock_links_add_async(h->client, "hang", "a", on_done, &s, &s.call), 0);
        harness_run_until_line(h, "Add hang a");
        pid = fork();
        if (pid == 0)
                use_in_child(h->client, &s);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);

        /* The parent's client still works. */
        assert_int_equal(passlock_call_set_timeout_ms(s.call, 50), 0);
        assert_int_equal(passlock_links_add_async(h->client, "x", "a", on_done, &end, NULL), 0);
        harness_run_until(h, &end.n, 1);
        harness_run_until(h, &s.n, 3);
        assert_int_equal(s.r, -ETIMEDOUT);
        assert_int_equal(harness_count_log(h, "Add child"), 0);
        assert_int_equal(harness_count_log(h, "Unsubscribe"), 0);
}

static void test_arguments_are_copied(void **state)
{
        Harness *h = *state;
        char user_id[] = "before";
        passlock_options *options = NULL;
        Seen s = {};

        assert_int_equal(passlock_options_new(&options), 0);
        assert_int_equal(passlock_options_set_string(options, "rp_name", "old"), 0);
        assert_int_equal(
                passlock_authorize_async(h->client, "r", user_id, "n", options, on_token, &s, NULL),
                0);
        strcpy(user_id, "after!");
        assert_int_equal(passlock_options_set_string(options, "rp_name", "new"), 0);
        passlock_options_unref(options);
        harness_run_until(h, &s.n, 1);
        assert_string_equal(passlock_token_get_text(s.object), "r before n rp_name=old");
        passlock_token_unref(s.object);
}

#define test(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                test(test_every_call),
                test(test_failures),
                test(test_start_refused),
                test(test_many),
                test(test_cancel),
                test(test_callbacks_wait_for_dispatch),
                test(test_inside_a_callback),
                test(test_unref_in_callback),
                test(test_ref),
                test(test_deadline),
                test(test_deadline_after_idleness),
                test(test_interactive),
                test(test_refused_lookup),
                test(test_failed_lookup),
                test(test_refused_lookup_without_default),
                test(test_deadline_with_interaction),
                test(test_deadline_of_a_call),
                test(test_fork),
                test(test_arguments_are_copied),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

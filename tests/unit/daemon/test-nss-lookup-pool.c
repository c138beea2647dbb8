/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lookups of users and groups in threads, with a fake user database controlled by the test. */

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "daemon/nss-lookup-pool.h"
#include "tests/unit/test.h"

#define PATIENCE_MS 60000U
#define N_MANY      20U

/* The fake user database. Names that begin with "slow" are answered when the gate is open. */
static struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool open;
        unsigned n_calls, n_waiting, n_waiting_max;
        uint32_t slow_id;     /* of the slow ones that begin from here on */
        bool signals_blocked; /* in each thread that asked */
        size_t size_needed;   /* of a buffer */
} database = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void wait_for_gate(void)
{
        database.n_waiting++;
        if (database.n_waiting > database.n_waiting_max)
                database.n_waiting_max = database.n_waiting;
        pthread_cond_broadcast(&database.changed);
        while (!database.open)
                pthread_cond_wait(&database.changed, &database.lock);
        database.n_waiting--;
        pthread_cond_broadcast(&database.changed);
}

static void note_signals(void)
{
        sigset_t mask;

        pthread_sigmask(SIG_SETMASK, NULL, &mask);
        if (!sigismember(&mask, SIGTERM) || !sigismember(&mask, SIGUSR1))
                database.signals_blocked = false;
}

/* Returns 1 and the id, 0, or a positive errno as negative. */
static int ask_database(const char *name, size_t size, uint32_t *ret)
{
        int r = 1;

        pthread_mutex_lock(&database.lock);
        database.n_calls++;
        note_signals();
        if (strncmp(name, "slow", 4) == 0) {
                *ret = database.slow_id;
                wait_for_gate();
        } else if (streq(name, "ada")) {
                *ret = 1001;
        } else if (streq(name, "minus-one")) {
                *ret = UINT32_MAX;
        } else if (streq(name, "large")) {
                *ret = 7;
                r = size < database.size_needed ? -ERANGE : 1;
        } else if (strncmp(name, "error-", 6) == 0) {
                r = -atoi(name + 6);
        } else {
                r = 0;
        }
        pthread_mutex_unlock(&database.lock);
        return r;
}

int __wrap_getpwnam_r(const char *name, struct passwd *pw, char *buffer, size_t size,
                      struct passwd **ret);
int __wrap_getpwnam_r(const char *name, struct passwd *pw, char *buffer, size_t size,
                      struct passwd **ret)
{
        int r = ask_database(name, size, &pw->pw_uid);

        *ret = r > 0 ? pw : NULL;
        return r < 0 ? -r : 0;
}

/* Group ids differ from user ids. */
int __wrap_getgrnam_r(const char *name, struct group *gr, char *buffer, size_t size,
                      struct group **ret);
int __wrap_getgrnam_r(const char *name, struct group *gr, char *buffer, size_t size,
                      struct group **ret)
{
        int r = ask_database(name, size, &gr->gr_gid);

        gr->gr_gid += 1000;
        *ret = r > 0 ? gr : NULL;
        return r < 0 ? -r : 0;
}

static void wait_for_waiting(unsigned n)
{
        pthread_mutex_lock(&database.lock);
        while (database.n_waiting != n)
                pthread_cond_wait(&database.changed, &database.lock);
        pthread_mutex_unlock(&database.lock);
}

static void open_gate(void)
{
        pthread_mutex_lock(&database.lock);
        database.open = true;
        pthread_cond_broadcast(&database.changed);
        pthread_mutex_unlock(&database.lock);
}

static void set_slow_id(uint32_t id)
{
        pthread_mutex_lock(&database.lock);
        database.slow_id = id;
        pthread_mutex_unlock(&database.lock);
}

typedef struct Answered {
        bool is_group;
        char name[32];
        NssResult answer;
} Answered;

typedef struct Fixture {
        sd_event *event;
        NssLookupPool *lookups;
        Answered answered[64];
        size_t n_answered;
} Fixture;

static void on_answered(bool is_group, const char *name, NssResult answer, void *userdata)
{
        Fixture *fixture = userdata;
        Answered *answered = &fixture->answered[fixture->n_answered++];

        assert_true(fixture->n_answered <= ARRAY_SIZE(fixture->answered));
        *answered = (Answered){.is_group = is_group, .answer = answer};
        snprintf(answered->name, sizeof(answered->name), "%s", name);
}

static int set_up(void **state)
{
        Fixture *fixture = calloc(1, sizeof(Fixture));

        database.open = false;
        database.n_calls = database.n_waiting = database.n_waiting_max = 0;
        database.slow_id = 1;
        database.signals_blocked = true;
        database.size_needed = 0;
        assert_int_equal(sd_event_new(&fixture->event), 0);
        assert_int_equal(
                nss_lookup_pool_new(fixture->event, on_answered, fixture, &fixture->lookups), 0);
        *state = fixture;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *fixture = *state;

        open_gate();
        wait_for_waiting(0);
        nss_lookup_pool_free(fixture->lookups);
        sd_event_unref(fixture->event);
        free(fixture);
        return 0;
}

static void run_until_answered(Fixture *fixture, size_t n)
{
        uint64_t end_ms = monotonic_ms() + PATIENCE_MS;

        while (fixture->n_answered < n) {
                assert_true(sd_event_run(fixture->event, 1000000) >= 0);
                assert_true(monotonic_ms() < end_ms);
        }
        assert_int_equal(fixture->n_answered, n);
}

static NssResult look_up(Fixture *fixture, bool is_group, const char *name)
{
        const Answered *answered = &fixture->answered[0];

        fixture->n_answered = 0;
        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, is_group, name), 0);
        assert_int_equal(fixture->n_answered, 0); /* not before the call has returned */
        run_until_answered(fixture, 1);
        assert_string_equal(answered->name, name);
        assert_int_equal(answered->is_group, is_group);
        return answered->answer;
}

static void test_answers(void **state)
{
        const struct {
                bool is_group;
                const char *name;
                int r;
                uint32_t id;
        } names[] = {
                {false, "ada", 1, 1001},
                {true, "ada", 1, 2001},
                {false, "nobody-here", 0, 0},
                {false, "minus-one", 0, 0},
                {false, "error-2", 0, 0}, /* ENOENT and EPERM mean "not found", see getpwnam_r(3) */
                {false, "error-1", 0, 0},
                {false, "error-5", -EIO, 0},
                {true, "error-24", -EMFILE, 0},
                {false, "error-115", -EAGAIN, 0}, /* EINPROGRESS has another meaning here */
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                NssResult answer = look_up(*state, names[i].is_group, names[i].name);

                assert_int_equal(answer.r, names[i].r);
                if (answer.r > 0)
                        assert_int_equal(answer.id, names[i].id);
        }
        assert_true(database.signals_blocked);
}

/* The buffer grows for a group with many members, up to a limit. */
static void test_buffer_grows(void **state)
{
        database.size_needed = 1024 * 1024;
        assert_int_equal(look_up(*state, true, "large").r, 1);
        database.size_needed = SIZE_MAX;
        assert_int_equal(look_up(*state, true, "large").r, -ERANGE);
}

static void test_slow_lookup_delays_no_other(void **state)
{
        Fixture *fixture = *state;

        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "slow"), 0);
        wait_for_waiting(1);
        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "ada"), 0);
        run_until_answered(fixture, 1);
        assert_string_equal(fixture->answered[0].name, "ada");
        open_gate();
        run_until_answered(fixture, 2);
        assert_string_equal(fixture->answered[1].name, "slow");
}

static void test_wait(void **state)
{
        Fixture *fixture = *state;

        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "slow"), 0);
        nss_lookup_pool_wait(fixture->lookups, 1);
        assert_int_equal(fixture->n_answered, 0);
        open_gate();
        while (fixture->n_answered == 0)
                nss_lookup_pool_wait(fixture->lookups, PATIENCE_MS);
        assert_int_equal(fixture->answered[0].answer.r, 1);
}

/* A lookup must begin after its request. */
static void test_asked_again_while_running(void **state)
{
        Fixture *fixture = *state;

        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "slow"), 0);
        wait_for_waiting(1);
        set_slow_id(2);
        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "slow"), 0);
        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "slow"), 0);
        open_gate();
        run_until_answered(fixture, 1);
        assert_int_equal(fixture->answered[0].answer.id, 2);
        assert_int_equal(database.n_calls, 2);
}

static void test_cancelled(void **state)
{
        Fixture *fixture = *state;

        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "slow"), 0);
        wait_for_waiting(1);
        nss_lookup_pool_cancel(fixture->lookups);
        open_gate();
        wait_for_waiting(0);
        assert_int_equal(look_up(fixture, false, "ada").id, 1001);
        assert_int_equal(fixture->n_answered, 1);
}

static void test_asked_again_after_a_cancel(void **state)
{
        Fixture *fixture = *state;

        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "slow"), 0);
        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "slow-2"), 0);
        wait_for_waiting(2);
        nss_lookup_pool_cancel(fixture->lookups);
        set_slow_id(2);
        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "slow"), 0);
        open_gate();
        run_until_answered(fixture, 1);
        assert_string_equal(fixture->answered[0].name, "slow");
        assert_int_equal(fixture->answered[0].answer.id, 2);
}

/* A cancel also drops a result that was not reported yet. */
static void test_answer_in_between_is_cancelled(void **state)
{
        Fixture *fixture = *state;

        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "ada"), 0);
        assert_true(sd_event_prepare(fixture->event) >= 0);
        assert_true(sd_event_wait(fixture->event, PATIENCE_MS * 1000) > 0);
        nss_lookup_pool_cancel(fixture->lookups);
        assert_true(sd_event_dispatch(fixture->event) >= 0);
        assert_int_equal(fixture->n_answered, 0);
}

static void test_many(void **state)
{
        Fixture *fixture = *state;

        for (unsigned i = 0; i < N_MANY; i++) {
                char name[32];

                snprintf(name, sizeof(name), "slow-%u", i);
                assert_int_equal(nss_lookup_pool_ask(fixture->lookups, i % 2, name), 0);
        }
        wait_for_waiting(NSS_LOOKUP_THREADS_MAX);
        open_gate();
        run_until_answered(fixture, N_MANY);
        assert_int_equal(database.n_calls, N_MANY);
        assert_int_equal(database.n_waiting_max, NSS_LOOKUP_THREADS_MAX);
}

static void ask_slow_ones(Fixture *fixture, unsigned first, unsigned n)
{
        for (unsigned i = first; i < first + n; i++) {
                char name[32];

                snprintf(name, sizeof(name), "slow-%u", i);
                assert_int_equal(nss_lookup_pool_ask(fixture->lookups, true, name), 0);
        }
}

/* Names that hang take all threads; a lookup queued behind them is still answered: */
static void test_hung_lookups_delay_no_other(void **state)
{
        Fixture *fixture = *state;

        ask_slow_ones(fixture, 0, 2 * NSS_LOOKUP_THREADS_MAX);
        wait_for_waiting(NSS_LOOKUP_THREADS_MAX);
        assert_int_equal(look_up(fixture, false, "ada").id, 1001);
        assert_int_equal(database.n_waiting_max, 2 * NSS_LOOKUP_THREADS_MAX);
        open_gate();
        run_until_answered(fixture, 1 + 2 * NSS_LOOKUP_THREADS_MAX);
}

/* also before the event loop runs, */
static void test_hung_lookups_before_the_loop(void **state)
{
        Fixture *fixture = *state;

        ask_slow_ones(fixture, 0, NSS_LOOKUP_THREADS_MAX);
        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "ada"), 0);
        while (fixture->n_answered == 0)
                nss_lookup_pool_wait(fixture->lookups, PATIENCE_MS);
        assert_string_equal(fixture->answered[0].name, "ada");
}

/* and at once if they were cancelled. There is a limit to that, too. */
static void test_cancelled_lookups_delay_no_other(void **state)
{
        Fixture *fixture = *state;
        unsigned n = 0;

        for (; n < LOOKUPS_THREADS_TOTAL_MAX; n += NSS_LOOKUP_THREADS_MAX) {
                ask_slow_ones(fixture, n, NSS_LOOKUP_THREADS_MAX);
                wait_for_waiting(n + NSS_LOOKUP_THREADS_MAX);
                nss_lookup_pool_cancel(fixture->lookups);
                if (n + NSS_LOOKUP_THREADS_MAX < LOOKUPS_THREADS_TOTAL_MAX)
                        assert_int_equal(look_up(fixture, false, "ada").id, 1001);
        }
        fixture->n_answered = 0;
        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "ada"), 0);
        nss_lookup_pool_wait(fixture->lookups, 100);
        assert_int_equal(fixture->n_answered, 0);
        open_gate();
        run_until_answered(fixture, 1);
        assert_int_equal(database.n_waiting_max, LOOKUPS_THREADS_TOTAL_MAX);
}

/* A blocked lookup does not delay the exit. */
static void test_freed_while_running(void **state)
{
        Fixture *fixture = *state;

        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "slow"), 0);
        assert_int_equal(nss_lookup_pool_ask(fixture->lookups, false, "slow-2"), 0);
        wait_for_waiting(2);
        fixture->lookups = nss_lookup_pool_free(fixture->lookups);
        open_gate();
        wait_for_waiting(0);
        assert_int_equal(fixture->n_answered, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_buffer_grows, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_slow_lookup_delays_no_other, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_wait, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_asked_again_while_running, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_cancelled, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_asked_again_after_a_cancel, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_answer_in_between_is_cancelled, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_hung_lookups_delay_no_other, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_hung_lookups_before_the_loop, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_cancelled_lookups_delay_no_other, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_freed_while_running, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

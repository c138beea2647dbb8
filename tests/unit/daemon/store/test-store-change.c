/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "daemon/store/environment/store-file.h"
#include "daemon/store/lmdb/key.h"
#include "dbus/error.h"
#include "tests/unit/daemon/store/store-fixture.h"

/* Reported results, in order. */
typedef struct Told {
        unsigned n;
        int r[16];
        int who[16];
} Told;

typedef struct Teller {
        Told *told;
        int who;
} Teller;

static void tell(Teller *teller, int r)
{
        Told *told = teller->told;

        assert_true(told->n < ARRAY_SIZE(told->r));
        told->r[told->n] = r;
        told->who[told->n++] = teller->who;
}

static void tell_added(int r, bool newly_linked, void *userdata)
{
        tell(userdata, r);
}

static void tell_removed(int r, const LinkList *removed, void *userdata)
{
        tell(userdata, r == 0 ? (int) removed->n_links + 1000 : r);
}

static void wait_told(Store *store, const Told *told, unsigned n)
{
        struct pollfd pollfd = {.fd = store_get_fd(store), .events = POLLIN};

        while (told->n < n) {
                assert_int_equal(poll(&pollfd, 1, 120000), 1);
                dispatch_all(store);
        }
        assert_int_equal(told->n, n);
}

/* Changes in a batch see earlier ones; a refused one does not affect others. */
static void test_order(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *a_ada = make_link("a", "ada", 1),
                                   *a_bob = make_link("a", "bob", 1),
                                   *b_ada = make_link("b", "ada", 1);
        Told told = {};
        Teller t[9];
        const int expected[] = {
                0, ERROR_LINK_CONFLICT, 0, ERROR_NOT_FOUND, 1001, 0, 1001, 1001, 1000,
        };
        Store *s = f->store;

        for (int i = 0; i < 9; i++)
                t[i] = (Teller){.told = &told, .who = i};
        assert_int_equal(store_add(s, "t", a_ada, tell_added, &t[0], NULL), 0);
        assert_int_equal(store_add(s, "t", a_bob, tell_added, &t[1], NULL), 0);
        assert_int_equal(store_add(s, "t", b_ada, tell_added, &t[2], NULL), 0);
        assert_int_equal(store_remove(s, "t", "c", tell_removed, &t[3], NULL), 0);
        assert_int_equal(store_remove(s, "t", "a", tell_removed, &t[4], NULL), 0);
        assert_int_equal(store_add(s, "t", a_bob, tell_added, &t[5], NULL), 0);
        assert_int_equal(store_remove_by_user(s, "t", "ada", tell_removed, &t[6], NULL), 0);
        assert_int_equal(store_remove_by_user(s, "t", "bob", tell_removed, &t[7], NULL), 0);
        assert_int_equal(store_remove_by_user(s, "t", "bob", tell_removed, &t[8], NULL), 0);
        wait_told(s, &told, 9);
        for (int i = 0; i < 9; i++) {
                assert_int_equal(told.who[i], i);
                assert_int_equal(told.r[i], expected[i]);
        }
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t"), 0);
}

/* Callbacks run from store_dispatch() only. */
static void test_only_in_dispatch(void **state)
{
        Fixture *f = *state;
        struct pollfd pollfd = {.fd = store_get_fd(f->store), .events = POLLIN};
        Outcome outcome = {};

        dispatch_all(f->store);
        assert_int_equal(poll(&pollfd, 1, 0), 0);
        add_later(f->store, "t", "ada", "a", &outcome);
        assert_int_equal(poll(&pollfd, 1, 120000), 1);
        assert_int_equal(outcome.n_calls, 0);
        /* The change is committed already. */
        assert_string_equal(user_of(f->store, "t", "a"), "ada");
        dispatch_all(f->store);
        assert_int_equal(outcome.n_calls, 1);
        assert_int_equal(poll(&pollfd, 1, 0), 0);
        dispatch_all(f->store);
        assert_int_equal(outcome.n_calls, 1);
}

static void test_many_at_once(void **state)
{
        Fixture *f = *state;
        enum { N = 5000 };
        Outcome outcome = {}, odd = {};
        char id[16];

        for (unsigned i = 0; i < N; i++) {
                snprintf(id, sizeof(id), "auth-%u", i);
                add_later(f->store, "t", id, id, &outcome);
                if (i % 100 == 0) /* a conflict in each batch */
                        add_later(f->store, "t", "mallory", id, &odd);
        }
        outcome_wait(f->store, &outcome, N);
        outcome_wait(f->store, &odd, N / 100);
        assert_int_equal(outcome.r, 0);
        assert_int_equal(odd.r, ERROR_LINK_CONFLICT);
        assert_int_equal(count(f->store, "t"), N);
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t"), N);
}

static void test_forget(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *a = make_link("a", "ada", 1), *b = make_link("b", "ada", 1);
        Outcome forgotten = {}, late = {}, last = {};
        StoreChange *change_a = NULL, *change_b = NULL, *change_c = NULL;
        struct pollfd pollfd = {.fd = store_get_fd(f->store), .events = POLLIN};

        assert_int_equal(store_add(f->store, "t", a, on_added, &forgotten, &change_a), 0);
        assert_null(store_change_forget(change_a));

        /* Also after completion, before the report. */
        assert_int_equal(store_add(f->store, "t", b, on_added, &late, &change_b), 0);
        assert_int_equal(store_remove(f->store, "t", "c", on_removed, &late, &change_c), 0);
        add_later(f->store, "t", "ada", "z", &last);
        while (isempty(user_of(f->store, "t", "z")))
                assert_int_equal(poll(&pollfd, 1, 120000), 1);
        assert_null(store_change_forget(change_b));
        assert_null(store_change_forget(change_c));
        assert_null(store_change_forget(NULL));

        outcome_wait(f->store, &last, 1);
        assert_int_equal(forgotten.n_calls, 0);
        assert_int_equal(late.n_calls, 0);
        assert_string_equal(user_of(f->store, "t", "a"), "ada");
        assert_string_equal(user_of(f->store, "t", "b"), "ada");
}

/* A callback that queues, forgets and dispatches. */
typedef struct Chain {
        Store *store;
        StoreChange *self;
        StoreChange *victim;
        unsigned n;
} Chain;

static void on_chain(int r, bool newly_linked, void *userdata)
{
        Chain *chain = userdata;
        _cleanup_(link_freep) Link *link = NULL;
        char id[16];

        assert_int_equal(r, 0);
        chain->self = store_change_forget(chain->self);
        chain->victim = store_change_forget(chain->victim);
        if (++chain->n == 5)
                return;
        snprintf(id, sizeof(id), "chain-%u", chain->n);
        link = make_link(id, "ada", 1);
        assert_int_equal(store_add(chain->store, "t", link, on_chain, chain, &chain->self), 0);
        dispatch_all(chain->store);
}

static void test_from_within(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *link = make_link("chain-0", "ada", 1),
                                   *other = make_link("victim", "ada", 1);
        Chain chain = {.store = f->store};
        Outcome victim = {};
        struct pollfd pollfd = {.fd = store_get_fd(f->store), .events = POLLIN};

        assert_int_equal(store_add(f->store, "t", link, on_chain, &chain, &chain.self), 0);
        assert_int_equal(store_add(f->store, "t", other, on_added, &victim, &chain.victim), 0);
        while (isempty(user_of(f->store, "t", "victim")))
                assert_int_equal(poll(&pollfd, 1, 120000), 1);
        while (chain.n < 5) {
                assert_int_equal(poll(&pollfd, 1, 120000), 1);
                dispatch_all(f->store);
        }
        assert_int_equal(victim.n_calls, 0);
        assert_int_equal(count(f->store, "t"), 6);
}

/* Queued changes are committed at close, without reports. */
static void test_free_commits(void **state)
{
        Fixture *f = *state;
        Outcome outcome = {};
        char id[16];

        for (unsigned i = 0; i < 3000; i++) {
                snprintf(id, sizeof(id), "auth-%u", i);
                add_later(f->store, "t", id, id, &outcome);
        }
        fixture_reopen(f);
        assert_int_equal(outcome.n_calls, 0);
        assert_int_equal(count(f->store, "t"), 3000);
        assert_null(store_free(NULL));
}

/* Corrupts a closed store. */
static void damage(const Fixture *f, Database database, const void *key, size_t len)
{
        MDB_val k = {.mv_data = (void *) key, .mv_size = len},
                v = {.mv_data = (void *) "\x01garbage", .mv_size = 8};
        Schema schema;
        MDB_env *env;
        MDB_txn *txn;

        assert_int_equal(mdb_env_create(&env), 0);
        assert_int_equal(mdb_env_set_maxdbs(env, DATABASE_MAX), 0);
        assert_int_equal(mdb_env_open(env, f->directory, 0, 0600), 0);
        assert_int_equal(schema_load(env, f->directory, LOG_ERR, &schema), 0);
        assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
        assert_int_equal(mdb_put(txn, schema.dbi[database], &k, &v, 0), 0);
        assert_int_equal(mdb_txn_commit(txn), 0);
        mdb_env_close(env);
}

/* A corrupt record affects only operations on it. */
static void test_damaged_record(void **state)
{
        Fixture *f = *state;
        static const uint8_t digest[IDEMPOTENCY_KEY_LEN] = {1};
        Outcome outcomes[5] = {};
        LinkList list = {};
        IdempotencyRecord answer = {};
        char *cursor;
        Link *link;
        StoreKey key;

        assert_int_equal(add(f->store, "t", "ada", "damaged", NULL), 0);
        assert_int_equal(add(f->store, "t", "bob", "good", NULL), 0);
        f->store = store_free(f->store);
        assert_int_equal(key_for_link(0, "damaged", &key), 0);
        damage(f, DATABASE_LINKS, key.bytes, key.len);
        damage(f, DATABASE_IDEMPOTENCY, digest, sizeof(digest));
        damage(f, DATABASE_TENANCIES, "u", 1);
        assert_int_equal(store_open(f->directory, &f->store), 0);

        assert_int_equal(store_get_link(f->store, "t", "damaged", &link), ERROR_STORE_FAILED);
        assert_int_equal(store_list_by_user(f->store, "t", "ada", &list), ERROR_STORE_FAILED);
        assert_int_equal(store_list(f->store, "t", NULL, 9, SIZE_MAX, &list, &cursor),
                         ERROR_STORE_FAILED);
        assert_int_equal(store_get_idempotency_record(f->store, digest, &answer),
                         ERROR_STORE_FAILED);
        assert_int_equal(store_count(f->store, "u", &(uint64_t){0}), ERROR_STORE_FAILED);
        assert_string_equal(user_of(f->store, "t", "good"), "bob");

        add_later(f->store, "t", "eve", "before", &outcomes[0]);
        add_later(f->store, "t", "ada", "damaged", &outcomes[1]);
        add_later(f->store, "u", "ada", "any", &outcomes[2]);
        assert_int_equal(store_remove_by_user(f->store, "t", "ada", on_removed, &outcomes[3], NULL),
                         0);
        add_later(f->store, "t", "eve", "behind", &outcomes[4]);
        outcome_wait(f->store, &outcomes[4], 1);
        for (unsigned i = 0; i < 5; i++) {
                assert_int_equal(outcomes[i].n_calls, 1);
                assert_int_equal(outcomes[i].r, i % 4 == 0 ? 0 : ERROR_STORE_FAILED);
        }
        assert_string_equal(user_of(f->store, "t", "before"), "eve");
        assert_string_equal(user_of(f->store, "t", "behind"), "eve");
}

static size_t data_size(const Fixture *f)
{
        char path[128];
        struct stat st;

        snprintf(path, sizeof(path), "%s/data.mdb", f->directory);
        assert_int_equal(stat(path, &st), 0);
        return (size_t) st.st_size;
}

/* The map grows during concurrent reads. */
static void test_growth(void **state)
{
        Fixture *f = *state;
        Outcome outcome = {};
        unsigned n = 0;

        assert_int_equal(data_size(f), STORE_FILE_SIZE_INITIAL + STORE_FILE_RESERVE);
        assert_int_equal(add(f->store, "t", "ada", "first", NULL), 0);
        while (data_size(f) < 4 * STORE_FILE_SIZE_INITIAL) {
                unsigned end = n + 2000;

                for (; n < end; n++) {
                        _cleanup_(freep) char *id = make_id(400, n * 2654435761U);

                        add_later(f->store, n % 2 ? "t" : "u", id + 200, id, &outcome);
                }
                while (outcome.n_calls < n) {
                        assert_string_equal(user_of(f->store, "t", "first"), "ada");
                        assert_true(count(f->store, "t") > 0);
                        dispatch_all(f->store);
                }
        }
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t") + count(f->store, "u"), n + 1);
        assert_string_equal(user_of(f->store, "t", "first"), "ada");
        assert_int_equal(add(f->store, "t", "ada", "last", NULL), 0);
}

/* The writer thread receives no signals. */
static volatile sig_atomic_t handled_by_us;
static pthread_t our_thread;

static void on_signal(int signal)
{
        handled_by_us = pthread_equal(pthread_self(), our_thread) ? 1 : -1;
}

static void test_signals(void **state)
{
        Fixture *f = *state;
        struct sigaction action = {.sa_handler = on_signal}, old;
        sigset_t usr1, before, pending;

        our_thread = pthread_self();
        sigemptyset(&usr1);
        sigaddset(&usr1, SIGUSR1);
        assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
        assert_int_equal(pthread_sigmask(SIG_BLOCK, &usr1, &before), 0);

        /* No other thread takes it meanwhile. */
        assert_int_equal(kill(getpid(), SIGUSR1), 0);
        assert_int_equal(add(f->store, "t", "ada", "a", NULL), 0);
        assert_int_equal(sigpending(&pending), 0);
        assert_true(sigismember(&pending, SIGUSR1));
        assert_int_equal(handled_by_us, 0);
        assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
        assert_int_equal(handled_by_us, 1);
        sigaction(SIGUSR1, &old, NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_order),          TEST(test_only_in_dispatch), TEST(test_many_at_once),
                TEST(test_forget),         TEST(test_from_within),      TEST(test_free_commits),
                TEST(test_damaged_record), TEST(test_growth),           TEST(test_signals),
        };

        log_set_max_level(LOG_CRIT);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

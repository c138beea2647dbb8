/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "daemon/store/store-shared.h"
#include "dbus/error.h"
#include "tests/unit/daemon/store/memory-cluster.h"
#include "tests/unit/daemon/store/store-fixture.h"

enum { HOSTS = 3, USERS = 4, AUTHENTICATORS = 12, TIMEOUT_MS = 120000 };

/* Some hosts that share a log, and one with a store of its own. */
typedef struct Fleet {
        MemoryCluster *cluster;
        Fixture hosts[HOSTS];
        Fixture local;
} Fleet;

typedef struct Watcher {
        unsigned n_added, n_removed;
} Watcher;

static Watcher watchers[HOSTS];

static void on_changed(const ReplicaNews *news, void *userdata)
{
        Watcher *watcher = userdata;

        assert_string_equal(news->tenancy_id, "t");
        watcher->n_added += (unsigned) news->added.n_links;
        watcher->n_removed += (unsigned) news->removed.n_links;
}

static void make_directory(Fixture *f)
{
        strcpy(f->directory, "/tmp/test-store.XXXXXX");
        assert_non_null(mkdtemp(f->directory));
}

static void join(Fleet *fleet, unsigned i)
{
        const StoreSharedOptions options = {
                .log = memory_cluster_join(fleet->cluster, i),
                .changed = on_changed,
                .userdata = &watchers[i],
        };

        assert_int_equal(
                store_open_shared(fleet->hosts[i].directory, &options, &fleet->hosts[i].store), 0);
}

/* Dispatches the hosts that run, after a short wait for their threads. */
static void dispatch_hosts(Fleet *fleet)
{
        struct pollfd fds[HOSTS];

        for (unsigned i = 0; i < HOSTS; i++) {
                Store *store = fleet->hosts[i].store;

                fds[i] = (struct pollfd){.fd = store ? store_get_fd(store) : -1, .events = POLLIN};
        }
        (void) poll(fds, HOSTS, 1);
        for (unsigned i = 0; i < HOSTS; i++)
                if (fleet->hosts[i].store)
                        dispatch_all(fleet->hosts[i].store);
}

static void wait_for(Fleet *fleet, const unsigned *n_calls, unsigned wanted)
{
        for (unsigned idle = 0; *n_calls < wanted && idle < TIMEOUT_MS; idle++) {
                if (memory_cluster_step(fleet->cluster))
                        idle = 0;
                dispatch_hosts(fleet);
        }
        assert_int_equal(*n_calls, wanted);
}

static void on_done(int r, void *userdata)
{
        unsigned *n_calls = userdata;

        assert_int_equal(r, 0);
        (*n_calls)++;
}

/* All hosts have applied all revisions: what they have to do is done before a barrier. */
static void settle(Fleet *fleet)
{
        bool busy = true;

        while (busy) {
                busy = false;
                for (unsigned i = 0; i < HOSTS; i++) {
                        unsigned n = 0;

                        if (!fleet->hosts[i].store)
                                continue;

                        assert_int_equal(store_barrier(fleet->hosts[i].store, on_done, &n, NULL),
                                         0);
                        while (n == 0)
                                dispatch_hosts(fleet);
                }
                while (memory_cluster_step(fleet->cluster))
                        busy = true;
        }
}

static int setup(void **state)
{
        Fleet *fleet = calloc(1, sizeof(Fleet));

        assert_non_null(fleet);
        memset(watchers, 0, sizeof(watchers));
        fleet->cluster = memory_cluster_new(1);
        for (unsigned i = 0; i < HOSTS; i++) {
                make_directory(&fleet->hosts[i]);
                join(fleet, i);
        }
        make_directory(&fleet->local);
        assert_int_equal(store_open(fleet->local.directory, &fleet->local.store), 0);
        settle(fleet);
        *state = fleet;
        return 0;
}

static int teardown(void **state)
{
        Fleet *fleet = *state;

        for (unsigned i = 0; i < HOSTS; i++) {
                store_free(fleet->hosts[i].store);
                audit(fleet->hosts[i].directory);
                remove_tree(fleet->hosts[i].directory);
        }
        store_free(fleet->local.store);
        remove_tree(fleet->local.directory);
        memory_cluster_free(fleet->cluster);
        free(fleet);
        return 0;
}

/* Random changes */

typedef struct Change {
        unsigned n_calls;
        int r;
        bool newly_linked;
        LinkList removed;
        LinkOutcome outcomes[8];
        size_t n_links;
        uint64_t id;
        char authenticator[16];
} Change;

static void change_clear(Change *change)
{
        link_list_clear(&change->removed);
}

static void on_change_added(int r, bool newly_linked, void *userdata)
{
        Change *change = userdata;

        change->n_calls++;
        change->r = r;
        change->newly_linked = newly_linked;
}

static void on_change_removed(int r, const LinkList *removed, void *userdata)
{
        Change *change = userdata;

        change->n_calls++;
        change->r = r;
        assert_int_equal(link_list_copy(removed, &change->removed), 0);
}

static void on_change_imported(int r, const LinkList *links, const LinkOutcome *outcomes,
                               void *userdata)
{
        Change *change = userdata;

        change->n_calls++;
        change->r = r;
        change->n_links = links->n_links;
        if (r == 0)
                memcpy(change->outcomes, outcomes, links->n_links * sizeof(LinkOutcome));
}

static void on_change_begun(int r, uint64_t id, void *userdata)
{
        Change *change = userdata;

        change->n_calls++;
        change->r = r;
        change->id = id;
}

typedef struct Random {
        unsigned seed;
        unsigned kind, user, authenticator, key;
} Random;

static void draw(Random *random)
{
        random->kind = (unsigned) rand_r(&random->seed) % 10;
        random->user = (unsigned) rand_r(&random->seed) % USERS;
        random->authenticator = (unsigned) rand_r(&random->seed) % AUTHENTICATORS;
        random->key = (unsigned) rand_r(&random->seed) % 8;
}

static void start_import(Store *store, const Random *random, Change *change)
{
        _cleanup_(link_list_clear) LinkList links = {};

        for (unsigned i = 0; i < 3; i++) {
                char user[16], authenticator[16];

                snprintf(user, sizeof(user), "u%u", (random->user + i / 2) % USERS);
                snprintf(authenticator, sizeof(authenticator), "a%u",
                         (random->authenticator + i) % AUTHENTICATORS);
                assert_int_equal(link_list_push(&links, make_link(authenticator, user, 5 + i)), 0);
        }
        assert_int_equal(store_import(store, "t", &links, false, on_change_imported, change, NULL),
                         0);
}

static void start_exchange(Store *store, const Random *random, const char *user,
                           const char *authenticator, Change *change)
{
        _cleanup_(link_freep) Link *link = make_link(authenticator, user, 9);
        uint8_t key[IDEMPOTENCY_KEY_LEN] = {(uint8_t) random->key};
        const IdempotencyRecord answer = {.error = ERROR_USER_MISMATCH};
        const ExchangeOutcome linking = {.link = link};
        const ExchangeOutcome declining = {
                .declined_id = authenticator, .key = key, .answer = &answer};
        assert_int_equal(store_commit_exchange(store, "t", random->key % 2 ? &linking : &declining,
                                               on_change_added, change, NULL),
                         0);
}

static void start(Store *store, const Random *random, Change *change)
{
        char user[16];
        const ExchangeIntent intent = {.user_id = user, .wants_link = true, .window_ms = 1000};

        snprintf(user, sizeof(user), "u%u", random->user);
        snprintf(change->authenticator, sizeof(change->authenticator), "a%u",
                 random->authenticator);
        if (random->kind < 4) {
                _cleanup_(link_freep) Link *link = make_link(change->authenticator, user, 1);

                assert_int_equal(store_add(store, "t", link, on_change_added, change, NULL), 0);
        } else if (random->kind < 6) {
                assert_int_equal(store_remove(store, "t", change->authenticator, on_change_removed,
                                              change, NULL),
                                 0);
        } else if (random->kind == 6) {
                assert_int_equal(
                        store_remove_by_user(store, "t", user, on_change_removed, change, NULL), 0);
        } else if (random->kind == 7) {
                start_import(store, random, change);
        } else if (random->kind == 8) {
                start_exchange(store, random, user, change->authenticator, change);
        } else {
                assert_int_equal(
                        store_begin_exchange(store, "t", &intent, on_change_begun, change, NULL),
                        0);
        }
}

static void assert_same_outcome(const Change *a, const Change *b)
{
        assert_int_equal(a->r, b->r);
        assert_int_equal(a->newly_linked, b->newly_linked);
        assert_int_equal(a->removed.n_links, b->removed.n_links);
        for (size_t i = 0; i < a->removed.n_links; i++)
                assert_string_equal(a->removed.links[i]->authenticator_id,
                                    b->removed.links[i]->authenticator_id);
        assert_int_equal(a->n_links, b->n_links);
        for (size_t i = 0; i < a->n_links; i++)
                assert_int_equal(a->outcomes[i], b->outcomes[i]);
        assert_int_equal(a->id > 0, b->id > 0);
}

static void assert_same_links(Store *a, Store *b)
{
        _cleanup_(link_list_clear) LinkList list = {}, other = {};
        char *cursor = NULL;

        assert_int_equal(store_list(a, "t", NULL, 0, SIZE_MAX, &list, &cursor), 0);
        assert_null(cursor);
        assert_int_equal(store_list(b, "t", NULL, 0, SIZE_MAX, &other, &cursor), 0);
        assert_null(cursor);
        assert_int_equal(list.n_links, other.n_links);
        for (size_t i = 0; i < list.n_links; i++) {
                assert_string_equal(list.links[i]->authenticator_id,
                                    other.links[i]->authenticator_id);
                assert_string_equal(list.links[i]->user_id, other.links[i]->user_id);
                assert_int_equal(list.links[i]->created_at_ms, other.links[i]->created_at_ms);
                assert_int_equal(list.links[i]->last_used_at_ms, other.links[i]->last_used_at_ms);
        }
        assert_int_equal(count(a, "t"), count(b, "t"));
}

/* The same changes, one after another, have the same outcomes with both engines. */
static void test_same_as_local(void **state)
{
        Fleet *fleet = *state;
        Random random = {.seed = 7};

        for (unsigned i = 0; i < 1500; i++) {
                _cleanup_(change_clear) Change shared = {}, local = {};
                Fixture *host = &fleet->hosts[(unsigned) rand_r(&random.seed) % HOSTS];
                struct pollfd pollfd = {.fd = store_get_fd(fleet->local.store), .events = POLLIN};

                draw(&random);
                start(fleet->local.store, &random, &local);
                while (local.n_calls == 0) {
                        assert_int_equal(poll(&pollfd, 1, TIMEOUT_MS), 1);
                        dispatch_all(fleet->local.store);
                }
                start(host->store, &random, &shared);
                wait_for(fleet, &shared.n_calls, 1);
                assert_same_outcome(&local, &shared);
                if (i % 50 == 0)
                        assert_same_links(fleet->local.store, host->store);
        }
        settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++)
                assert_same_links(fleet->local.store, fleet->hosts[i].store);
}

/* Adds up what callers were told. */
static void tally(const Change *change, const Random *random, int balance[AUTHENTICATORS])
{
        if (change->r == 0 && change->newly_linked)
                balance[random->authenticator]++;
        for (size_t i = 0; i < change->removed.n_links; i++)
                balance[atoi(change->removed.links[i]->authenticator_id + 1)]--;
        for (size_t i = 0; i < change->n_links; i++)
                if (change->outcomes[i] == LINK_ADDED)
                        balance[(random->authenticator + i) % AUTHENTICATORS]++;
}

/* All hosts change the same links at once: each link is added and removed in turn, and the replicas
 * are equal in the end. */
static void test_races(void **state)
{
        enum { ROUNDS = 60, AT_ONCE = 24 };
        Fleet *fleet = *state;
        Random random = {.seed = 11};
        int balance[AUTHENTICATORS] = {};

        for (unsigned round = 0; round < ROUNDS; round++) {
                Change changes[AT_ONCE] = {};
                Random drawn[AT_ONCE];

                for (unsigned i = 0; i < AT_ONCE; i++) {
                        draw(&random);
                        drawn[i] = random;
                        start(fleet->hosts[i % HOSTS].store, &random, &changes[i]);
                }
                for (unsigned i = 0; i < AT_ONCE; i++) {
                        wait_for(fleet, &changes[i].n_calls, 1);
                        assert_true(changes[i].r == 0 || changes[i].r == ERROR_NOT_FOUND ||
                                    changes[i].r == ERROR_LINK_CONFLICT);
                        tally(&changes[i], &drawn[i], balance);
                        change_clear(&changes[i]);
                }
        }
        settle(fleet);
        assert_true(memory_cluster_collisions(fleet->cluster) > 100);
        for (unsigned i = 0; i < HOSTS; i++)
                assert_same_links(fleet->hosts[0].store, fleet->hosts[i].store);
        assert_int_equal(memory_cluster_count(fleet->cluster, "links/"),
                         count(fleet->hosts[0].store, "t"));
        for (unsigned i = 0; i < AUTHENTICATORS; i++) {
                char id[16];

                snprintf(id, sizeof(id), "a%u", i);
                assert_int_equal(balance[i], *user_of(fleet->hosts[0].store, "t", id) ? 1 : 0);
        }
        for (unsigned i = 0; i < HOSTS; i++)
                assert_int_equal(watchers[i].n_added - watchers[i].n_removed,
                                 count(fleet->hosts[0].store, "t"));
}

static void on_many_imported(int r, const LinkList *links, const LinkOutcome *outcomes,
                             void *userdata)
{
        struct {
                unsigned n_calls;
                int r;
        } *imported = userdata;

        imported->n_calls++;
        imported->r = r;
        for (size_t i = 0; r == 0 && i < links->n_links; i++)
                assert_int_equal(outcomes[i], LINK_ADDED);
}

static int fleet_add(Fleet *fleet, unsigned host, const char *user, const char *authenticator,
                     bool *ret_newly_linked)
{
        Outcome outcome = {};

        add_later(fleet->hosts[host].store, "t", user, authenticator, &outcome);
        wait_for(fleet, &outcome.n_calls, 1);
        *ret_newly_linked = outcome.newly_linked;
        return outcome.r;
}

static void fleet_remove(Fleet *fleet, unsigned host, const char *authenticator)
{
        _cleanup_(outcome_clear) Outcome outcome = {};

        assert_int_equal(store_remove(fleet->hosts[host].store, "t", authenticator, on_removed,
                                      &outcome, NULL),
                         0);
        wait_for(fleet, &outcome.n_calls, 1);
        assert_int_equal(outcome.r, 0);
}

static void add_links(Fleet *fleet, unsigned host, const char *prefix, size_t n, const char *user)
{
        _cleanup_(link_list_clear) LinkList links = {};
        struct {
                unsigned n_calls;
                int r;
        } imported = {};

        for (size_t i = 0; i < n; i++) {
                char id[32];

                snprintf(id, sizeof(id), "%s-%zu", prefix, i);
                assert_int_equal(link_list_push(&links, make_link(id, user, 1)), 0);
        }
        assert_int_equal(store_import(fleet->hosts[host].store, "t", &links, false,
                                      on_many_imported, &imported, NULL),
                         0);
        wait_for(fleet, &imported.n_calls, 1);
        assert_int_equal(imported.r, 0);
}

/* Two hosts cannot give a user more links than one could. */
static void test_links_per_user(void **state)
{
        enum { LEFT = 3, AT_ONCE = 10 };
        Fleet *fleet = *state;
        Outcome outcomes[AT_ONCE] = {};
        unsigned n_added = 0;

        add_links(fleet, 0, "many", LINKS_PER_USER_MAX - LEFT, "u");
        for (unsigned i = 0; i < AT_ONCE; i++) {
                char id[16];

                snprintf(id, sizeof(id), "last-%u", i);
                add_later(fleet->hosts[i % HOSTS].store, "t", "u", id, &outcomes[i]);
        }
        for (unsigned i = 0; i < AT_ONCE; i++) {
                wait_for(fleet, &outcomes[i].n_calls, 1);
                assert_true(outcomes[i].r == 0 || outcomes[i].r == ERROR_LIMITS_EXCEEDED);
                n_added += outcomes[i].r == 0;
        }
        assert_int_equal(n_added, LEFT);
        settle(fleet);
        assert_int_equal(count_of_user(fleet->hosts[1].store, "t", "u"), LINKS_PER_USER_MAX);
}

/* A removal of all links of a user also removes one that its host has not heard of. */
static void test_removal_of_unseen_link(void **state)
{
        Fleet *fleet = *state;
        _cleanup_(outcome_clear) Outcome added = {}, removed = {};

        add_links(fleet, 0, "seen", 100, "u");
        settle(fleet);
        add_later(fleet->hosts[0].store, "t", "u", "unseen", &added);
        wait_for(fleet, &added.n_calls, 1);
        assert_int_equal(
                store_remove_by_user(fleet->hosts[2].store, "t", "u", on_removed, &removed, NULL),
                0);
        wait_for(fleet, &removed.n_calls, 1);
        assert_int_equal(removed.r, 0);
        assert_int_equal(removed.n_removed, 101);
        assert_int_equal(memory_cluster_count(fleet->cluster, "links/"), 0);
}

/* A host that was away for too long loads everything anew, while it serves what it has. */
static void test_compaction(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;

        add_links(fleet, 0, "old", 20, "u");
        settle(fleet);
        fleet->hosts[2].store = store_free(fleet->hosts[2].store);
        add_links(fleet, 0, "new", 50, "v");
        fleet_remove(fleet, 0, "old-3");
        memory_cluster_compact(fleet->cluster);
        join(fleet, 2);
        assert_string_equal(user_of(fleet->hosts[2].store, "t", "old-3"), "u");
        settle(fleet);
        assert_same_links(fleet->hosts[0].store, fleet->hosts[2].store);
        assert_int_equal(fleet_add(fleet, 2, "v", "after", &newly_linked), 0);
        assert_true(newly_linked);
        assert_int_equal(fleet_add(fleet, 1, "u", "after", &newly_linked), ERROR_LINK_CONFLICT);
}

/* A replica is kept over a restart, and continues from its revision. */
static void test_restart(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;

        add_links(fleet, 0, "a", 30, "u");
        settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++)
                fleet->hosts[i].store = store_free(fleet->hosts[i].store);
        for (unsigned i = 0; i < HOSTS; i++) {
                audit(fleet->hosts[i].directory);
                join(fleet, i);
                assert_int_equal(count(fleet->hosts[i].store, "t"), 30);
        }
        assert_int_equal(fleet_add(fleet, 1, "u", "b", &newly_linked), 0);
        settle(fleet);
        assert_string_equal(user_of(fleet->hosts[2].store, "t", "b"), "u");
}

/* Without the log, links can be read but not changed; a replica that was never loaded has none. */
static void test_unreachable(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;
        Link *link;

        assert_int_equal(fleet_add(fleet, 0, "u", "a", &newly_linked), 0);
        settle(fleet);
        memory_cluster_set_reachable(fleet->cluster, false);
        assert_int_equal(fleet_add(fleet, 0, "u", "b", &newly_linked), ERROR_STORE_FAILED);
        assert_string_equal(user_of(fleet->hosts[1].store, "t", "a"), "u");
        fleet->hosts[2].store = store_free(fleet->hosts[2].store);
        remove_tree(fleet->hosts[2].directory);
        make_directory(&fleet->hosts[2]);
        join(fleet, 2);
        assert_int_equal(store_get_link(fleet->hosts[2].store, "t", "a", &link),
                         ERROR_STORE_FAILED);
        memory_cluster_set_reachable(fleet->cluster, true);
        settle(fleet);
        assert_string_equal(user_of(fleet->hosts[2].store, "t", "a"), "u");
        assert_int_equal(fleet_add(fleet, 2, "u", "b", &newly_linked), 0);
}

/* Keys and values that no host has written are skipped. */
static void test_foreign_keys(void **state)
{
        static const char *const keys[] = {
                "links/t/a",       "links/t/",   "links/t",         "links/%2f/a", "links/../a",
                "exchanges/t/12",  "",           "users",           "answers/00",  "deletes/t/x",
                "tombstones/t/0g", "elsewhere/", "links/t/\xff\xfe"};
        Fleet *fleet = *state;
        bool newly_linked;

        assert_int_equal(fleet_add(fleet, 0, "u", "b", &newly_linked), 0);
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                memory_cluster_put(fleet->cluster, keys[i], "garbage", 7);
                memory_cluster_put(fleet->cluster, keys[i], "", 0);
                memory_cluster_put(fleet->cluster, keys[i], NULL, 0);
        }
        settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++)
                assert_int_equal(count(fleet->hosts[i].store, "t"), 1);
        assert_int_equal(fleet_add(fleet, 1, "u", "c", &newly_linked), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_same_as_local),  TEST(test_races),
                TEST(test_links_per_user), TEST(test_removal_of_unseen_link),
                TEST(test_compaction),     TEST(test_restart),
                TEST(test_unreachable),    TEST(test_foreign_keys),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

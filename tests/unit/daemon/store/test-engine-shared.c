/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "daemon/store/shared/revision-id.h"
#include "daemon/store/store-shared.h"
#include "dbus/error.h"
#include "tests/unit/daemon/store/memory-cluster.h"
#include "tests/unit/daemon/store/random-change.h"
#include "tests/unit/daemon/store/store-fixture.h"

enum { HOSTS = 3, TIMEOUT_MS = 120000 };

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

static void wait_for_workers(Fleet *fleet)
{
        for (unsigned i = 0; i < HOSTS; i++) {
                unsigned n = 0;

                if (!fleet->hosts[i].store)
                        continue;
                assert_int_equal(store_barrier(fleet->hosts[i].store, on_done, &n, NULL), 0);
                while (n == 0)
                        dispatch_hosts(fleet);
        }
}

/* All hosts have applied all revisions. What a host starts after a job is done before the next
 * barrier. */
static void settle(Fleet *fleet)
{
        for (unsigned n_idle = 0; n_idle < 4; n_idle++) {
                wait_for_workers(fleet);
                while (memory_cluster_step(fleet->cluster))
                        n_idle = 0;
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

/* The same changes, one after another, have the same outcomes with both engines. */
static void test_same_as_local(void **state)
{
        Fleet *fleet = *state;
        Random random = {.seed = 7};

        for (unsigned i = 0; i < 1500; i++) {
                _cleanup_(random_change_clear) RandomChange shared = {}, local = {};
                Fixture *host = &fleet->hosts[(unsigned) rand_r(&random.seed) % HOSTS];
                struct pollfd pollfd = {.fd = store_get_fd(fleet->local.store), .events = POLLIN};

                random_draw(&random);
                random_change_start(fleet->local.store, &random, &local);
                while (local.n_calls == 0) {
                        assert_int_equal(poll(&pollfd, 1, TIMEOUT_MS), 1);
                        dispatch_all(fleet->local.store);
                }
                random_change_start(host->store, &random, &shared);
                wait_for(fleet, &shared.n_calls, 1);
                random_change_assert_same(&local, &shared);
                if (i % 50 == 0)
                        assert_same_links(fleet->local.store, host->store);
        }
        settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++)
                assert_same_links(fleet->local.store, fleet->hosts[i].store);
}

/* All hosts change the same links at once: each link is added and removed in turn, and the replicas
 * are equal in the end. */
static void test_races(void **state)
{
        enum { ROUNDS = 60, AT_ONCE = 24 };
        Fleet *fleet = *state;
        Random random = {.seed = 11};
        int balance[RANDOM_AUTHENTICATORS] = {};
        unsigned n_told = 0;

        for (unsigned round = 0; round < ROUNDS; round++) {
                RandomChange changes[AT_ONCE] = {};
                Random drawn[AT_ONCE];

                for (unsigned i = 0; i < AT_ONCE; i++) {
                        random_draw(&random);
                        drawn[i] = random;
                        random_change_start(fleet->hosts[i % HOSTS].store, &random, &changes[i]);
                }
                for (unsigned i = 0; i < AT_ONCE; i++) {
                        wait_for(fleet, &changes[i].n_calls, 1);
                        assert_true(changes[i].r == 0 || changes[i].r == ERROR_NOT_FOUND ||
                                    changes[i].r == ERROR_LINK_CONFLICT);
                        random_change_tally(&changes[i], &drawn[i], balance);
                        random_change_clear(&changes[i]);
                }
        }
        settle(fleet);
        assert_true(memory_cluster_collisions(fleet->cluster) > 100);
        for (unsigned i = 0; i < HOSTS; i++)
                assert_same_links(fleet->hosts[0].store, fleet->hosts[i].store);
        assert_int_equal(memory_cluster_count(fleet->cluster, "links/"),
                         count(fleet->hosts[0].store, "t"));
        for (unsigned i = 0; i < RANDOM_AUTHENTICATORS; i++) {
                char id[16];

                snprintf(id, sizeof(id), "a%u", i);
                assert_int_equal(balance[i], *user_of(fleet->hosts[0].store, "t", id) ? 1 : 0);
        }
        /* Each host is told of the changes of the others. */
        for (unsigned i = 0; i < HOSTS; i++)
                n_told += watchers[i].n_added - watchers[i].n_removed;
        assert_int_equal(n_told, (HOSTS - 1) * count(fleet->hosts[0].store, "t"));
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

static void import_links(Fleet *fleet, unsigned host, const char *prefix, size_t n,
                         const char *user, bool dry_run)
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
        assert_int_equal(store_import(fleet->hosts[host].store, "t", &links, dry_run,
                                      on_many_imported, &imported, NULL),
                         0);
        wait_for(fleet, &imported.n_calls, 1);
        assert_int_equal(imported.r, 0);
}

static void add_links(Fleet *fleet, unsigned host, const char *prefix, size_t n, const char *user)
{
        import_links(fleet, host, prefix, n, user, false);
}

/* A dry run of an import, which is longer than a step, changes nothing, also among other changes.
 */
static void test_dry_run(void **state)
{
        Fleet *fleet = *state;
        Outcome before = {}, after = {};

        add_later(fleet->hosts[0].store, "t", "u", "before", &before);
        import_links(fleet, 0, "dry", 100, "u", true);
        add_later(fleet->hosts[0].store, "t", "u", "after", &after);
        wait_for(fleet, &before.n_calls, 1);
        wait_for(fleet, &after.n_calls, 1);
        assert_int_equal(before.r | after.r, 0);
        settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++)
                assert_int_equal(count(fleet->hosts[i].store, "t"), 2);
        add_links(fleet, 0, "dry", 100, "u");
}

static ReplicaDifference compare(Store *store, const char *key, const LogEvent *event)
{
        LogEvent copy = {.key = (char *) key};
        ReplicaDifference difference;

        if (event) {
                copy.created_at = event->created_at;
                copy.value = event->value;
                copy.value_len = event->value_len;
        }
        assert_int_equal(store_shared_compare(store, &copy, &difference), 0);
        return difference;
}

static void test_comparison(void **state)
{
        _cleanup_(link_freep) Link *link = NULL;
        uint8_t garbage[] = "garbage";
        Fleet *fleet = *state;
        Store *store = fleet->hosts[1].store;
        ReplicaStatus status;
        LogEvent event = {}, other;

        add_links(fleet, 0, "a", 2, "u");
        settle(fleet);
        store_shared_get_status(store, &status);
        assert_true(status.revision > 0 && !status.is_loading && status.late_at_ms == 0);
        assert_int_equal(status.n_waiting, 0);
        event.value =
                (uint8_t *) memory_cluster_get(fleet->cluster, "links/t/a-0", &event.value_len);
        assert_int_equal(store_get_link(store, "t", "a-0", &link), 0);
        event.created_at = revision_of_id(link->id);
        assert_int_equal(compare(store, "links/t/a-0", &event), REPLICA_SAME);
        assert_int_equal(compare(store, "links/t/a-0", NULL), REPLICA_EXTRA);
        assert_int_equal(compare(store, "links/t/b", &event), REPLICA_MISSING);
        assert_int_equal(compare(store, "links/t/b", NULL), REPLICA_SAME);
        other = event;
        other.created_at++;
        assert_int_equal(compare(store, "links/t/a-0", &other), REPLICA_DIFFERENT);
        other = (LogEvent){.created_at = 1, .value = garbage, .value_len = sizeof(garbage)};
        assert_int_equal(compare(store, "links/t/a-0", &other), REPLICA_DIFFERENT);
        assert_int_equal(compare(store, "users/t/abcd", &event), REPLICA_DIFFERENT);
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
                TEST(test_dry_run),        TEST(test_comparison),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

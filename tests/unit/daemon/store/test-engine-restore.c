/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The shared log is restored from a backup. */

#include <stdio.h>

#include "dbus/error.h"
#include "tests/unit/daemon/store/fleet-fixture.h"
#include "tests/unit/daemon/store/random-change.h"

static void leave(Fleet *fleet, unsigned i)
{
        fleet->hosts[i].store = store_free(fleet->hosts[i].store);
}

static bool restores(Fleet *fleet, unsigned host)
{
        ReplicaStatus status;

        store_shared_get_status(fleet->hosts[host].store, &status);
        return status.is_restoring;
}

static uint64_t id_of(Fleet *fleet, unsigned host, const char *authenticator)
{
        _cleanup_(link_freep) Link *link = NULL;

        assert_int_equal(store_get_link(fleet->hosts[host].store, "t", authenticator, &link), 0);
        return link->id;
}

/* Links "kept" that a backup has, and "lost" that it does not have; the removal of kept-3 is lost
 * as well. Returns the revision of the backup. */
static uint64_t make_history(Fleet *fleet)
{
        uint64_t backup;

        fleet_add_links(fleet, 0, "kept", 100, "k");
        fleet_settle(fleet);
        backup = memory_cluster_revision(fleet->cluster);
        fleet_add_links(fleet, 1, "lost", 100, "l");
        for (unsigned i = 0; i < 30; i++) {
                char user[16], prefix[16];

                snprintf(user, sizeof(user), "user%u", i);
                snprintf(prefix, sizeof(prefix), "of%u", i);
                fleet_add_links(fleet, i % HOSTS, prefix, 1, user);
        }
        fleet_remove(fleet, 2, "kept-3");
        fleet_settle(fleet);
        return backup;
}

#define LINKS (100 + 100 + 30 - 1)

static void assert_restored(Fleet *fleet, unsigned host, uint64_t n_links)
{
        assert_false(restores(fleet, host));
        assert_int_equal(count(fleet->hosts[host].store, "t"), n_links);
        assert_int_equal(memory_cluster_count(fleet->cluster, "links/"), n_links);
        assert_string_equal(user_of(fleet->hosts[host].store, "t", "lost-7"), "l");
        assert_string_equal(user_of(fleet->hosts[host].store, "t", "of7-0"), "user7");
        assert_string_equal(user_of(fleet->hosts[host].store, "t", "kept-4"), "k");
        assert_string_equal(user_of(fleet->hosts[host].store, "t", "kept-3"), "");
}

static bool has_restored(const Fleet *fleet)
{
        unsigned n = 0;

        for (unsigned i = 0; i < HOSTS; i++)
                n += fleet->watchers[i].n_restored;
        return n > 0;
}

static void test_running_hosts(void **state)
{
        Fleet *fleet = *state;
        uint64_t backup = make_history(fleet), id = id_of(fleet, 0, "of29-0");
        size_t n_added = 0, n_removed = 0;
        bool newly_linked;

        memory_cluster_restore(fleet->cluster, backup);
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++) {
                assert_restored(fleet, i, LINKS);
                assert_same_links(fleet->hosts[0].store, fleet->hosts[i].store);
                n_added += fleet->watchers[i].counts.n_added;
                n_removed += fleet->watchers[i].counts.n_removed;
                assert_int_equal(fleet->watchers[i].counts.n_conflicting, 0);
                assert_int_equal(fleet->watchers[i].counts.n_unexplained, 0);
        }
        assert_int_equal(n_added, 130);
        assert_int_equal(n_removed, 1);
        /* Changes go on, and ids are above those of before. */
        assert_int_equal(fleet_add(fleet, 1, "u", "new", &newly_linked), 0);
        assert_true(newly_linked);
        assert_true(id_of(fleet, 1, "of29-0") > id && id_of(fleet, 1, "new") > id);
        assert_int_equal(fleet_add(fleet, 0, "v", "lost-7", &newly_linked), ERROR_LINK_CONFLICT);
        fleet_remove(fleet, 2, "lost-7");
        fleet_settle(fleet);
        assert_string_equal(user_of(fleet->hosts[0].store, "t", "lost-7"), "");
}

/* As etcdutl restores with --bump-revision, and with --mark-compacted. */
static void test_raised(Fleet *fleet, uint64_t raised_by, bool is_compacted)
{
        uint64_t backup = make_history(fleet), id = id_of(fleet, 0, "of29-0");
        bool newly_linked;

        memory_cluster_restore_raised(fleet->cluster, backup,
                                      memory_cluster_revision(fleet->cluster) + raised_by);
        if (is_compacted)
                memory_cluster_compact(fleet->cluster);
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++) {
                assert_restored(fleet, i, LINKS);
                assert_same_links(fleet->hosts[0].store, fleet->hosts[i].store);
        }
        assert_int_equal(fleet_add(fleet, 1, "u", "new", &newly_linked), 0);
        assert_true(id_of(fleet, 1, "of29-0") > id && id_of(fleet, 1, "new") > id);
        assert_true(has_restored(fleet));
}

static void test_raised_a_little(void **state)
{
        test_raised(*state, 1, false);
}

static void test_raised_far(void **state)
{
        test_raised(*state, UINT64_C(1) << 33, true);
}

/* Look-ups are answered meanwhile, and changes fail. */
static void test_meanwhile(void **state)
{
        Fleet *fleet = *state;
        uint64_t backup = make_history(fleet);
        bool newly_linked;

        leave(fleet, 1);
        leave(fleet, 2);
        memory_cluster_restore(fleet->cluster, backup);
        while (!restores(fleet, 0)) {
                assert_true(memory_cluster_step(fleet->cluster));
                dispatch_all(fleet->hosts[0].store);
        }
        assert_int_equal(fleet_add(fleet, 0, "u", "new", &newly_linked), ERROR_STORE_FAILED);
        while (restores(fleet, 0)) {
                assert_string_equal(user_of(fleet->hosts[0].store, "t", "lost-7"), "l");
                assert_string_equal(user_of(fleet->hosts[0].store, "t", "kept-3"), "");
                (void) memory_cluster_step(fleet->cluster);
                dispatch_all(fleet->hosts[0].store);
        }
        fleet_settle(fleet);
        assert_restored(fleet, 0, LINKS);
}

/* The hosts were down, and start one after another. The first one has heard of nothing; the second
 * one not of the last changes, so that it knows a removed link as linked, and a link with its old
 * user. */
static void test_order(Fleet *fleet, const unsigned order[static HOSTS], uint64_t raised_by)
{
        uint64_t backup;
        bool newly_linked;

        fleet_add_links(fleet, 0, "kept", 20, "k");
        fleet_settle(fleet);
        leave(fleet, 0);
        backup = memory_cluster_revision(fleet->cluster);
        fleet_add_links(fleet, 1, "lost", 50, "l");
        fleet_settle(fleet);
        leave(fleet, 1);
        fleet_remove(fleet, 2, "lost-5");
        fleet_remove(fleet, 2, "lost-6");
        fleet_remove(fleet, 2, "kept-6");
        assert_int_equal(fleet_add(fleet, 2, "other", "lost-6", &newly_linked), 0);
        assert_int_equal(fleet_add(fleet, 2, "other", "kept-6", &newly_linked), 0);
        fleet_settle(fleet);
        leave(fleet, 2);
        if (raised_by > 0)
                memory_cluster_restore_raised(fleet->cluster, backup,
                                              memory_cluster_revision(fleet->cluster) + raised_by);
        else
                memory_cluster_restore(fleet->cluster, backup);

        for (unsigned i = 0; i < HOSTS; i++) {
                fleet_join(fleet, order[i]);
                fleet_settle(fleet);
        }
        for (unsigned i = 0; i < HOSTS; i++) {
                Store *store = fleet->hosts[i].store;

                assert_int_equal(count(store, "t"), 69);
                assert_string_equal(user_of(store, "t", "lost-4"), "l");
                assert_string_equal(user_of(store, "t", "lost-5"), "");
                assert_string_equal(user_of(store, "t", "lost-6"), "other");
                assert_string_equal(user_of(store, "t", "kept-6"), "other");
        }
        assert_int_equal(memory_cluster_count(fleet->cluster, "links/"), 69);
        assert_int_equal(fleet_add(fleet, 0, "u", "new", &newly_linked), 0);
}

static void test_order_210(void **state)
{
        test_order(*state, (const unsigned[]){2, 1, 0}, 0);
}

static void test_order_120(void **state)
{
        test_order(*state, (const unsigned[]){1, 2, 0}, 0);
}

static void test_order_102(void **state)
{
        test_order(*state, (const unsigned[]){1, 0, 2}, 0);
}

/* The host that has heard of nothing follows the restored log before the others notice. */
static void test_raised_order_012(void **state)
{
        test_order(*state, (const unsigned[]){0, 1, 2}, UINT64_C(1) << 33);
}

static void test_raised_order_021(void **state)
{
        test_order(*state, (const unsigned[]){0, 2, 1}, 1);
}

static void test_raised_order_102(void **state)
{
        test_order(*state, (const unsigned[]){1, 0, 2}, 1000000000);
}

static void test_raised_order_210(void **state)
{
        test_order(*state, (const unsigned[]){2, 1, 0}, UINT64_C(1) << 33);
}

/* A host that has heard of nothing changes the restored log while another one notices. */
static void test_raised_race(void **state)
{
        Fleet *fleet = *state;
        Outcome early = {};
        uint64_t backup;

        fleet_add_links(fleet, 0, "kept", 1, "k");
        fleet_settle(fleet);
        leave(fleet, 0);
        backup = memory_cluster_revision(fleet->cluster);
        fleet_add_links(fleet, 1, "lost", 50, "l");
        fleet_settle(fleet);
        leave(fleet, 1);
        leave(fleet, 2);
        memory_cluster_restore_raised(fleet->cluster, backup, UINT64_C(1) << 33);
        fleet_join(fleet, 0);
        fleet_settle(fleet);
        fleet_join(fleet, 1);
        while (!restores(fleet, 1)) {
                assert_true(memory_cluster_step_host(fleet->cluster, 1));
                dispatch_all(fleet->hosts[1].store);
        }
        add_later(fleet->hosts[0].store, "t", "u", "early", &early);
        while (early.n_calls == 0) {
                (void) memory_cluster_step_host(fleet->cluster, 0);
                dispatch_all(fleet->hosts[0].store);
        }
        assert_int_equal(early.r, 0);
        while (memory_cluster_count(fleet->cluster, "history/restored") == 0)
                assert_true(memory_cluster_step_host(fleet->cluster, 1));
        for (bool restored = false; !restored || restores(fleet, 0);) {
                (void) memory_cluster_step_host(fleet->cluster, 0);
                dispatch_all(fleet->hosts[0].store);
                restored |= restores(fleet, 0);
        }
        fleet_settle(fleet);
        fleet_join(fleet, 2);
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++) {
                assert_int_equal(count_of_user(fleet->hosts[i].store, "t", "l"), 50);
                assert_string_equal(user_of(fleet->hosts[i].store, "t", "early"), "u");
        }
}

/* Restored again, from a backup made after the first restore. */
static void test_raised_twice(void **state)
{
        Fleet *fleet = *state;
        uint64_t backup = make_history(fleet);
        bool newly_linked;

        for (unsigned i = 0; i < 2; i++) {
                memory_cluster_restore_raised(fleet->cluster, backup,
                                              memory_cluster_revision(fleet->cluster) + 1000000000);
                fleet_settle(fleet);
                assert_true(has_restored(fleet));
                for (unsigned n = 0; n < HOSTS; n++) {
                        assert_restored(fleet, n, LINKS + i);
                        fleet->watchers[n] = (Watcher){};
                }
                backup = memory_cluster_revision(fleet->cluster);
                assert_int_equal(fleet_add(fleet, i, "u", i == 0 ? "a" : "b", &newly_linked), 0);
                fleet_settle(fleet);
        }
}

/* None of these is a restore. */
static void test_no_restore(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;

        (void) make_history(fleet);
        leave(fleet, 0); /* its replica gets old */
        fleet_add_links(fleet, 1, "more", 10, "m");
        memory_cluster_put(fleet->cluster, "alive/009", "", 0);
        memory_cluster_compact(fleet->cluster);
        fleet_join(fleet, 0);
        fleet_settle(fleet);
        memory_cluster_set_reachable(fleet->cluster, false);
        fleet_settle(fleet);
        memory_cluster_set_reachable(fleet->cluster, true);
        fleet_settle(fleet);
        leave(fleet, 0);
        fleet_join(fleet, 0);
        fleet_settle(fleet);

        /* An administrator removes the key. */
        leave(fleet, 0);
        memory_cluster_put(fleet->cluster, LOG_LATEST_KEY, NULL, 0);
        memory_cluster_compact(fleet->cluster);
        fleet_join(fleet, 0);
        fleet_settle(fleet);
        leave(fleet, 0);
        assert_int_equal(fleet_add(fleet, 1, "u", "new", &newly_linked), 0);
        memory_cluster_compact(fleet->cluster);
        fleet_join(fleet, 0);
        fleet_settle(fleet);
        assert_string_equal(user_of(fleet->hosts[0].store, "t", "new"), "u");
        assert_int_equal(memory_cluster_count(fleet->cluster, "history/restored"), 0);
        assert_false(has_restored(fleet));
}

/* The keys with another prefix are another store. */
static void test_other_prefix(void **state)
{
        Fleet *fleet = *state;
        MemoryCluster *first = fleet->cluster;

        (void) make_history(fleet);
        for (unsigned i = 0; i < HOSTS; i++)
                leave(fleet, i);
        fleet->cluster = memory_cluster_new(1);
        memory_cluster_put(fleet->cluster, "alive/009", "", 0);
        memory_cluster_put(fleet->cluster, LOG_LATEST_KEY, "", 0);
        memory_cluster_restore_raised(fleet->cluster, memory_cluster_revision(fleet->cluster),
                                      memory_cluster_revision(first));
        fleet_join(fleet, 0);
        fleet_settle(fleet);
        assert_int_equal(memory_cluster_count(fleet->cluster, "history/restored"), 0);
        leave(fleet, 0);
        memory_cluster_free(fleet->cluster);
        fleet->cluster = first;
}

/* A host that comes late does not undo what was changed since the restore. */
static void test_late_host(void **state)
{
        Fleet *fleet = *state;
        uint64_t backup = make_history(fleet);
        bool newly_linked;

        for (unsigned i = 0; i < HOSTS; i++)
                leave(fleet, i);
        memory_cluster_restore(fleet->cluster, backup);
        fleet_join(fleet, 0);
        fleet_settle(fleet);
        assert_restored(fleet, 0, LINKS);
        fleet_remove(fleet, 0, "lost-1");
        fleet_remove(fleet, 0, "kept-1");
        assert_int_equal(fleet_add(fleet, 0, "fresh", "lost-2", &newly_linked),
                         ERROR_LINK_CONFLICT);
        fleet_remove(fleet, 0, "lost-2");
        assert_int_equal(fleet_add(fleet, 0, "fresh", "lost-2", &newly_linked), 0);
        for (unsigned i = 1; i < HOSTS; i++) {
                fleet_join(fleet, i);
                fleet_settle(fleet);
                assert_restored(fleet, i, LINKS - 2);
                assert_string_equal(user_of(fleet->hosts[i].store, "t", "lost-1"), "");
                assert_string_equal(user_of(fleet->hosts[i].store, "t", "lost-2"), "fresh");
                assert_int_equal(fleet->watchers[i].counts.n_added, 0);
                assert_int_equal(fleet->watchers[i].counts.n_removed, 0);
        }
}

/* A crash at any point begins again. */
static void test_crash(void **state)
{
        Fleet *fleet = *state;
        uint64_t backup = make_history(fleet);
        unsigned n_crashes = 0;

        memory_cluster_restore(fleet->cluster, backup);
        for (unsigned steps = 1; steps < 120; steps += 3) {
                unsigned host = steps % HOSTS;

                for (unsigned i = 0; i < steps; i++) {
                        (void) memory_cluster_step(fleet->cluster);
                        for (unsigned n = 0; n < HOSTS; n++)
                                dispatch_all(fleet->hosts[n].store);
                }
                n_crashes += restores(fleet, host);
                leave(fleet, host);
                fleet_join(fleet, host);
        }
        assert_true(n_crashes > 3);
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++)
                assert_restored(fleet, i, LINKS);
}

/* The same backup again, which has no record of the first restore. */
static void test_twice(void **state)
{
        Fleet *fleet = *state;
        uint64_t backup = make_history(fleet), id;
        bool newly_linked;

        memory_cluster_restore(fleet->cluster, backup);
        fleet_settle(fleet);
        assert_int_equal(fleet_add(fleet, 0, "u", "between", &newly_linked), 0);
        fleet_settle(fleet);
        id = id_of(fleet, 0, "between");
        memory_cluster_restore(fleet->cluster, backup);
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++) {
                assert_restored(fleet, i, LINKS + 1);
                assert_string_equal(user_of(fleet->hosts[i].store, "t", "between"), "u");
        }
        assert_true(id_of(fleet, 0, "between") > id);
        leave(fleet, 1);
        fleet_join(fleet, 1);
        assert_int_equal(fleet_add(fleet, 1, "u", "after", &newly_linked), 0);
        assert_int_equal(fleet->watchers[1].n_restored + fleet->watchers[0].n_restored +
                                         fleet->watchers[2].n_restored >=
                                 2,
                         1);
}

/* The limit per user holds, and removals make room. */
static void test_limit(void **state)
{
        enum { MADE = 8 };
        Fleet *fleet = *state;
        uint64_t backup;

        fleet_add_links(fleet, 0, "kept", LINKS_PER_USER_MAX - 3, "u");
        fleet_settle(fleet);
        backup = memory_cluster_revision(fleet->cluster);
        for (unsigned i = 0; i < MADE - 3; i++) {
                char id[16];

                snprintf(id, sizeof(id), "kept-%u", i);
                fleet_remove(fleet, 1, id);
        }
        fleet_add_links(fleet, 1, "lost", MADE, "u");
        fleet_settle(fleet);
        memory_cluster_restore(fleet->cluster, backup);
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++) {
                assert_int_equal(count_of_user(fleet->hosts[i].store, "t", "u"),
                                 LINKS_PER_USER_MAX);
                assert_int_equal(fleet->watchers[i].counts.n_exceeding, 0);
        }
}

/* Exchanges that a host makes alone meanwhile are shared later. */
static void test_alone_meanwhile(void **state)
{
        Fleet *fleet = *state;
        uint64_t backup = make_history(fleet);
        bool newly_linked;

        memory_cluster_restore(fleet->cluster, backup);
        while (!restores(fleet, 0)) {
                (void) memory_cluster_step(fleet->cluster);
                dispatch_all(fleet->hosts[0].store);
        }
        assert_int_equal(fleet_exchange(fleet, 0, "u", "alone", &newly_linked), 0);
        assert_true(newly_linked);
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++) {
                assert_restored(fleet, i, LINKS + 1);
                assert_string_equal(user_of(fleet->hosts[i].store, "t", "alone"), "u");
                assert_int_equal(store_outbox(fleet->hosts[i].store), 0);
        }
}

/* Another cluster is not mixed with the replica. */
static void test_other_cluster(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;

        (void) make_history(fleet);
        leave(fleet, 0);
        memory_cluster_replace(fleet->cluster);
        memory_cluster_put(fleet->cluster, "links/t/kept-1", NULL, 0);
        fleet_join(fleet, 0);
        fleet_settle(fleet);
        assert_string_equal(user_of(fleet->hosts[0].store, "t", "kept-1"), "k");
        assert_int_equal(fleet_add(fleet, 0, "u", "new", &newly_linked), ERROR_STORE_FAILED);
}

/* A record that is not valid stops changes. */
static void test_invalid_record(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;

        (void) make_history(fleet);
        memory_cluster_put(fleet->cluster, "history/restored", "garbage", 7);
        fleet_settle(fleet);
        assert_int_equal(fleet_add(fleet, 0, "u", "new", &newly_linked), ERROR_STORE_FAILED);
        assert_string_equal(user_of(fleet->hosts[0].store, "t", "kept-1"), "k");
        memory_cluster_put(fleet->cluster, "history/restored", NULL, 0);
        memory_cluster_set_reachable(fleet->cluster, false);
        fleet_settle(fleet);
        memory_cluster_set_reachable(fleet->cluster, true);
        fleet_settle(fleet);
        assert_int_equal(fleet_add(fleet, 0, "u", "new", &newly_linked), 0);
}

int main(void)
{
#define TEST(f)       cmocka_unit_test_setup_teardown(f, fleet_setup, fleet_teardown)
#define TEST_ALONE(f) cmocka_unit_test_setup_teardown(f, fleet_setup_alone, fleet_teardown_alone)
        const struct CMUnitTest tests[] = {
                TEST(test_raised_a_little),
                TEST(test_raised_far),
                TEST(test_raised_order_012),
                TEST(test_raised_order_021),
                TEST(test_raised_order_102),
                TEST(test_raised_order_210),
                TEST(test_raised_race),
                TEST(test_raised_twice),
                TEST(test_no_restore),
                TEST(test_other_prefix),
                TEST(test_running_hosts),
                TEST(test_meanwhile),
                TEST(test_order_210),
                TEST(test_order_120),
                TEST(test_order_102),
                TEST(test_late_host),
                TEST(test_crash),
                TEST(test_twice),
                TEST(test_limit),
                TEST(test_other_cluster),
                TEST(test_invalid_record),
                TEST_ALONE(test_alone_meanwhile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

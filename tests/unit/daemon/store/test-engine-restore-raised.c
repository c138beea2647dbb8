/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The shared log is restored from a backup, with a revision that does not go back. */

#include "tests/unit/daemon/store/random-change.h"
#include "tests/unit/daemon/store/restore-fixture.h"

/* As etcdutl restores with --bump-revision, and with --mark-compacted. */
static void test_raised(Fleet *fleet, uint64_t raised_by, bool is_compacted)
{
        uint64_t backup = fleet_make_history(fleet), id = fleet_id_of(fleet, 0, "of29-0");
        bool newly_linked;

        memory_cluster_restore_raised(fleet->cluster, backup,
                                      memory_cluster_revision(fleet->cluster) + raised_by);
        if (is_compacted)
                memory_cluster_compact(fleet->cluster);
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++) {
                assert_restored(fleet, i, HISTORY_LINKS);
                assert_same_links(fleet->hosts[0].store, fleet->hosts[i].store);
        }
        assert_int_equal(fleet_add(fleet, 1, "u", "new", &newly_linked), 0);
        assert_true(fleet_id_of(fleet, 1, "of29-0") > id && fleet_id_of(fleet, 1, "new") > id);
        assert_true(fleet_has_restored(fleet));
}

static void test_raised_a_little(void **state)
{
        test_raised(*state, 1, false);
}

static void test_raised_far(void **state)
{
        test_raised(*state, UINT64_C(1) << 33, true);
}

/* The host that has heard of nothing follows the restored log before the others notice. */
static void test_raised_order_012(void **state)
{
        assert_order(*state, (const unsigned[]){0, 1, 2}, UINT64_C(1) << 33);
}

static void test_raised_order_021(void **state)
{
        assert_order(*state, (const unsigned[]){0, 2, 1}, 1);
}

static void test_raised_order_102(void **state)
{
        assert_order(*state, (const unsigned[]){1, 0, 2}, 1000000000);
}

static void test_raised_order_210(void **state)
{
        assert_order(*state, (const unsigned[]){2, 1, 0}, UINT64_C(1) << 33);
}

/* A host that has heard of nothing changes the restored log while another one notices. */
static void test_raised_race(void **state)
{
        Fleet *fleet = *state;
        Outcome early = {};
        uint64_t backup;

        fleet_add_links(fleet, 0, "kept", 1, "k");
        fleet_settle(fleet);
        fleet_leave(fleet, 0);
        backup = memory_cluster_revision(fleet->cluster);
        fleet_add_links(fleet, 1, "lost", 50, "l");
        fleet_settle(fleet);
        fleet_leave(fleet, 1);
        fleet_leave(fleet, 2);
        memory_cluster_restore_raised(fleet->cluster, backup, UINT64_C(1) << 33);
        fleet_join(fleet, 0);
        fleet_settle(fleet);
        fleet_join(fleet, 1);
        while (!fleet_restores(fleet, 1)) {
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
        for (bool restored = false; !restored || fleet_restores(fleet, 0);) {
                (void) memory_cluster_step_host(fleet->cluster, 0);
                dispatch_all(fleet->hosts[0].store);
                restored |= fleet_restores(fleet, 0);
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
        uint64_t backup = fleet_make_history(fleet);
        bool newly_linked;

        for (unsigned i = 0; i < 2; i++) {
                memory_cluster_restore_raised(fleet->cluster, backup,
                                              memory_cluster_revision(fleet->cluster) + 1000000000);
                fleet_settle(fleet);
                assert_true(fleet_has_restored(fleet));
                for (unsigned n = 0; n < HOSTS; n++) {
                        assert_restored(fleet, n, HISTORY_LINKS + i);
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

        (void) fleet_make_history(fleet);
        fleet_leave(fleet, 0); /* its replica gets old */
        fleet_add_links(fleet, 1, "more", 10, "m");
        memory_cluster_put(fleet->cluster, "alive/009", "", 0);
        memory_cluster_compact(fleet->cluster);
        fleet_join(fleet, 0);
        fleet_settle(fleet);
        memory_cluster_set_reachable(fleet->cluster, false);
        fleet_settle(fleet);
        memory_cluster_set_reachable(fleet->cluster, true);
        fleet_settle(fleet);
        fleet_leave(fleet, 0);
        fleet_join(fleet, 0);
        fleet_settle(fleet);

        /* An administrator removes the key. */
        fleet_leave(fleet, 0);
        memory_cluster_put(fleet->cluster, LOG_LATEST_KEY, NULL, 0);
        memory_cluster_compact(fleet->cluster);
        fleet_join(fleet, 0);
        fleet_settle(fleet);
        fleet_leave(fleet, 0);
        assert_int_equal(fleet_add(fleet, 1, "u", "new", &newly_linked), 0);
        memory_cluster_compact(fleet->cluster);
        fleet_join(fleet, 0);
        fleet_settle(fleet);
        assert_string_equal(user_of(fleet->hosts[0].store, "t", "new"), "u");
        assert_int_equal(memory_cluster_count(fleet->cluster, "history/restored"), 0);
        assert_false(fleet_has_restored(fleet));
}

/* The keys with another prefix are another store. */
static void test_other_prefix(void **state)
{
        Fleet *fleet = *state;
        MemoryCluster *first = fleet->cluster;

        (void) fleet_make_history(fleet);
        for (unsigned i = 0; i < HOSTS; i++)
                fleet_leave(fleet, i);
        fleet->cluster = memory_cluster_new(1);
        memory_cluster_put(fleet->cluster, "alive/009", "", 0);
        memory_cluster_put(fleet->cluster, LOG_LATEST_KEY, "", 0);
        memory_cluster_restore_raised(fleet->cluster, memory_cluster_revision(fleet->cluster),
                                      memory_cluster_revision(first));
        fleet_join(fleet, 0);
        fleet_settle(fleet);
        assert_int_equal(memory_cluster_count(fleet->cluster, "history/restored"), 0);
        fleet_leave(fleet, 0);
        memory_cluster_free(fleet->cluster);
        fleet->cluster = first;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_setup, fleet_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_raised_a_little),  TEST(test_raised_far),
                TEST(test_raised_order_012), TEST(test_raised_order_021),
                TEST(test_raised_order_102), TEST(test_raised_order_210),
                TEST(test_raised_race),      TEST(test_raised_twice),
                TEST(test_no_restore),       TEST(test_other_prefix),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

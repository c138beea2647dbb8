/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The shared log is restored from a backup. */

#include <stdio.h>

#include "dbus/error.h"
#include "tests/unit/daemon/store/random-change.h"
#include "tests/unit/daemon/store/restore-fixture.h"

static void test_running_hosts(void **state)
{
        Fleet *fleet = *state;
        uint64_t backup = fleet_make_history(fleet), id = fleet_id_of(fleet, 0, "of29-0");
        size_t n_added = 0, n_removed = 0;
        bool newly_linked;

        memory_cluster_restore(fleet->cluster, backup);
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++) {
                assert_restored(fleet, i, HISTORY_LINKS);
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
        assert_true(fleet_id_of(fleet, 1, "of29-0") > id && fleet_id_of(fleet, 1, "new") > id);
        assert_int_equal(fleet_add(fleet, 0, "v", "lost-7", &newly_linked), ERROR_LINK_CONFLICT);
        fleet_remove(fleet, 2, "lost-7");
        fleet_settle(fleet);
        assert_string_equal(user_of(fleet->hosts[0].store, "t", "lost-7"), "");
}

/* Look-ups are answered meanwhile, and changes fail. */
static void test_meanwhile(void **state)
{
        Fleet *fleet = *state;
        uint64_t backup = fleet_make_history(fleet);
        bool newly_linked;

        fleet_leave(fleet, 1);
        fleet_leave(fleet, 2);
        memory_cluster_restore(fleet->cluster, backup);
        while (!fleet_restores(fleet, 0)) {
                assert_true(memory_cluster_step(fleet->cluster));
                dispatch_all(fleet->hosts[0].store);
        }
        assert_int_equal(fleet_add(fleet, 0, "u", "new", &newly_linked), ERROR_STORE_FAILED);
        while (fleet_restores(fleet, 0)) {
                assert_string_equal(user_of(fleet->hosts[0].store, "t", "lost-7"), "l");
                assert_string_equal(user_of(fleet->hosts[0].store, "t", "kept-3"), "");
                (void) memory_cluster_step(fleet->cluster);
                dispatch_all(fleet->hosts[0].store);
        }
        fleet_settle(fleet);
        assert_restored(fleet, 0, HISTORY_LINKS);
}

static void test_order_210(void **state)
{
        assert_order(*state, (const unsigned[]){2, 1, 0}, 0);
}

static void test_order_120(void **state)
{
        assert_order(*state, (const unsigned[]){1, 2, 0}, 0);
}

static void test_order_102(void **state)
{
        assert_order(*state, (const unsigned[]){1, 0, 2}, 0);
}

/* A host that comes late does not undo what was changed since the restore. */
static void test_late_host(void **state)
{
        Fleet *fleet = *state;
        uint64_t backup = fleet_make_history(fleet);
        bool newly_linked;

        for (unsigned i = 0; i < HOSTS; i++)
                fleet_leave(fleet, i);
        memory_cluster_restore(fleet->cluster, backup);
        fleet_join(fleet, 0);
        fleet_settle(fleet);
        assert_restored(fleet, 0, HISTORY_LINKS);
        fleet_remove(fleet, 0, "lost-1");
        fleet_remove(fleet, 0, "kept-1");
        assert_int_equal(fleet_add(fleet, 0, "fresh", "lost-2", &newly_linked),
                         ERROR_LINK_CONFLICT);
        fleet_remove(fleet, 0, "lost-2");
        assert_int_equal(fleet_add(fleet, 0, "fresh", "lost-2", &newly_linked), 0);
        for (unsigned i = 1; i < HOSTS; i++) {
                fleet_join(fleet, i);
                fleet_settle(fleet);
                assert_restored(fleet, i, HISTORY_LINKS - 2);
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
        uint64_t backup = fleet_make_history(fleet);
        unsigned n_crashes = 0;

        memory_cluster_restore(fleet->cluster, backup);
        for (unsigned steps = 1; steps < 120; steps += 3) {
                unsigned host = steps % HOSTS;

                for (unsigned i = 0; i < steps; i++) {
                        (void) memory_cluster_step(fleet->cluster);
                        for (unsigned n = 0; n < HOSTS; n++)
                                dispatch_all(fleet->hosts[n].store);
                }
                n_crashes += fleet_restores(fleet, host);
                fleet_leave(fleet, host);
                fleet_join(fleet, host);
        }
        assert_true(n_crashes > 3);
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++)
                assert_restored(fleet, i, HISTORY_LINKS);
}

/* The same backup again, which has no record of the first restore. */
static void test_twice(void **state)
{
        Fleet *fleet = *state;
        uint64_t backup = fleet_make_history(fleet), id;
        bool newly_linked;

        memory_cluster_restore(fleet->cluster, backup);
        fleet_settle(fleet);
        assert_int_equal(fleet_add(fleet, 0, "u", "between", &newly_linked), 0);
        fleet_settle(fleet);
        id = fleet_id_of(fleet, 0, "between");
        memory_cluster_restore(fleet->cluster, backup);
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++) {
                assert_restored(fleet, i, HISTORY_LINKS + 1);
                assert_string_equal(user_of(fleet->hosts[i].store, "t", "between"), "u");
        }
        assert_true(fleet_id_of(fleet, 0, "between") > id);
        fleet_leave(fleet, 1);
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
        uint64_t backup = fleet_make_history(fleet);
        bool newly_linked;

        memory_cluster_restore(fleet->cluster, backup);
        while (!fleet_restores(fleet, 0)) {
                (void) memory_cluster_step(fleet->cluster);
                dispatch_all(fleet->hosts[0].store);
        }
        assert_int_equal(fleet_exchange(fleet, 0, "u", "alone", &newly_linked), 0);
        assert_true(newly_linked);
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++) {
                assert_restored(fleet, i, HISTORY_LINKS + 1);
                assert_string_equal(user_of(fleet->hosts[i].store, "t", "alone"), "u");
                assert_int_equal(store_outbox(fleet->hosts[i].store), 0);
        }
}

/* Another cluster is not mixed with the replica. */
static void test_other_cluster(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;

        (void) fleet_make_history(fleet);
        fleet_leave(fleet, 0);
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

        (void) fleet_make_history(fleet);
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
                TEST(test_running_hosts),  TEST(test_meanwhile),
                TEST(test_order_210),      TEST(test_order_120),
                TEST(test_order_102),      TEST(test_late_host),
                TEST(test_crash),          TEST(test_twice),
                TEST(test_limit),          TEST(test_other_cluster),
                TEST(test_invalid_record), TEST_ALONE(test_alone_meanwhile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "tests/unit/daemon/store/restore-fixture.h"

void fleet_leave(Fleet *fleet, unsigned i)
{
        fleet->hosts[i].store = store_free(fleet->hosts[i].store);
}

bool fleet_restores(Fleet *fleet, unsigned host)
{
        ReplicaStatus status;

        store_shared_get_status(fleet->hosts[host].store, &status);
        return status.is_restoring;
}

uint64_t fleet_id_of(Fleet *fleet, unsigned host, const char *authenticator)
{
        _cleanup_(link_freep) Link *link = NULL;

        assert_int_equal(store_get_link(fleet->hosts[host].store, "t", authenticator, &link), 0);
        return link->id;
}

uint64_t fleet_make_history(Fleet *fleet)
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

void assert_restored(Fleet *fleet, unsigned host, uint64_t n_links)
{
        assert_false(fleet_restores(fleet, host));
        assert_int_equal(count(fleet->hosts[host].store, "t"), n_links);
        assert_int_equal(memory_cluster_count(fleet->cluster, "links/"), n_links);
        assert_string_equal(user_of(fleet->hosts[host].store, "t", "lost-7"), "l");
        assert_string_equal(user_of(fleet->hosts[host].store, "t", "of7-0"), "user7");
        assert_string_equal(user_of(fleet->hosts[host].store, "t", "kept-4"), "k");
        assert_string_equal(user_of(fleet->hosts[host].store, "t", "kept-3"), "");
}

bool fleet_has_restored(const Fleet *fleet)
{
        unsigned n = 0;

        for (unsigned i = 0; i < HOSTS; i++)
                n += fleet->watchers[i].n_restored;
        return n > 0;
}

void assert_order(Fleet *fleet, const unsigned order[static HOSTS], uint64_t raised_by)
{
        uint64_t backup;
        bool newly_linked;

        fleet_add_links(fleet, 0, "kept", 20, "k");
        fleet_settle(fleet);
        fleet_leave(fleet, 0);
        backup = memory_cluster_revision(fleet->cluster);
        fleet_add_links(fleet, 1, "lost", 50, "l");
        fleet_settle(fleet);
        fleet_leave(fleet, 1);
        fleet_remove(fleet, 2, "lost-5");
        fleet_remove(fleet, 2, "lost-6");
        fleet_remove(fleet, 2, "kept-6");
        assert_int_equal(fleet_add(fleet, 2, "other", "lost-6", &newly_linked), 0);
        assert_int_equal(fleet_add(fleet, 2, "other", "kept-6", &newly_linked), 0);
        fleet_settle(fleet);
        fleet_leave(fleet, 2);
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

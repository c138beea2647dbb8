/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <poll.h>
#include <stdio.h>

#include "tests/unit/daemon/store/fleet-fixture.h"

static bool may_be_alone; /* the hosts of the next fleet */

static void on_changed(const ReplicaNews *news, void *userdata)
{
        Watcher *watcher = userdata;

        assert_string_equal(news->tenancy_id, "t");
        watcher->n_added += (unsigned) news->added.n_links;
        watcher->n_removed += (unsigned) news->removed.n_links;
}

static void on_restored(const RestoreCounts *counts, void *userdata)
{
        Watcher *watcher = userdata;

        watcher->n_restored++;
        watcher->counts = *counts;
}

void fleet_make_directory(Fixture *f)
{
        strcpy(f->directory, "/tmp/test-store.XXXXXX");
        assert_non_null(mkdtemp(f->directory));
}

void fleet_join(Fleet *fleet, unsigned i)
{
        const StoreSharedOptions options = {
                .log = memory_cluster_join(fleet->cluster, i),
                .may_be_alone = may_be_alone,
                .changed = on_changed,
                .restored = on_restored,
                .userdata = &fleet->watchers[i],
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

void fleet_wait(Fleet *fleet, const unsigned *n_calls, unsigned wanted)
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

static bool is_restoring(const Fleet *fleet)
{
        ReplicaStatus status;
        bool found = false;

        for (unsigned i = 0; i < HOSTS; i++) {
                if (!fleet->hosts[i].store)
                        continue;
                store_shared_get_status(fleet->hosts[i].store, &status);
                found |= status.is_restoring;
        }
        return found;
}

void fleet_settle(Fleet *fleet)
{
        for (unsigned n_idle = 0, n = 0; n_idle < 4; n_idle++) {
                wait_for_workers(fleet);
                if (is_restoring(fleet) && n++ < TIMEOUT_MS)
                        n_idle = 0;
                while (memory_cluster_step(fleet->cluster))
                        n_idle = 0;
        }
}

int fleet_setup(void **state)
{
        Fleet *fleet = calloc(1, sizeof(Fleet));

        assert_non_null(fleet);
        fleet->cluster = memory_cluster_new(1);
        for (unsigned i = 0; i < HOSTS; i++) {
                fleet_make_directory(&fleet->hosts[i]);
                fleet_join(fleet, i);
        }
        fleet_make_directory(&fleet->local);
        assert_int_equal(store_open(fleet->local.directory, &fleet->local.store), 0);
        fleet_settle(fleet);
        *state = fleet;
        return 0;
}

int fleet_teardown(void **state)
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

int fleet_add(Fleet *fleet, unsigned host, const char *user, const char *authenticator,
              bool *ret_newly_linked)
{
        Outcome outcome = {};

        add_later(fleet->hosts[host].store, "t", user, authenticator, &outcome);
        fleet_wait(fleet, &outcome.n_calls, 1);
        *ret_newly_linked = outcome.newly_linked;
        return outcome.r;
}

void fleet_remove(Fleet *fleet, unsigned host, const char *authenticator)
{
        _cleanup_(outcome_clear) Outcome outcome = {};

        assert_int_equal(store_remove(fleet->hosts[host].store, "t", authenticator, on_removed,
                                      &outcome, NULL),
                         0);
        fleet_wait(fleet, &outcome.n_calls, 1);
        assert_int_equal(outcome.r, 0);
}

void fleet_import(Fleet *fleet, unsigned host, const char *prefix, size_t n, const char *user,
                  bool dry_run)
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
        fleet_wait(fleet, &imported.n_calls, 1);
        assert_int_equal(imported.r, 0);
}

void fleet_add_links(Fleet *fleet, unsigned host, const char *prefix, size_t n, const char *user)
{
        fleet_import(fleet, host, prefix, n, user, false);
}

int fleet_setup_alone(void **state)
{
        may_be_alone = true;
        return fleet_setup(state);
}

int fleet_teardown_alone(void **state)
{
        may_be_alone = false;
        return fleet_teardown(state);
}

/* An exchange of a code that links a passkey. */
int fleet_exchange(Fleet *fleet, unsigned host, const char *user, const char *authenticator,
                   bool *ret_newly_linked)
{
        _cleanup_(link_freep) Link *link = make_link(authenticator, user, 7);
        const ExchangeIntent intent = {.wants_link = true, .window_ms = 1000};
        Outcome begun = {}, ended = {};

        assert_int_equal(store_begin_exchange(fleet->hosts[host].store, "t", &intent, on_begun,
                                              &begun, NULL),
                         0);
        fleet_wait(fleet, &begun.n_calls, 1);
        if (begun.r != 0)
                return begun.r;
        assert_int_equal(
                store_commit_exchange(fleet->hosts[host].store, "t",
                                      &(ExchangeOutcome){.intent_id = begun.id, .link = link},
                                      on_added, &ended, NULL),
                0);
        fleet_wait(fleet, &ended.n_calls, 1);
        *ret_newly_linked = ended.newly_linked;
        return ended.r;
}

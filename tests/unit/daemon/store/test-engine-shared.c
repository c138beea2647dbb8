/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>

#include "daemon/store/lmdb/record.h"
#include "daemon/store/shared/replica.h"
#include "daemon/store/shared/revision-id.h"
#include "daemon/store/shared/shared-key.h"
#include "daemon/store/store-shared.h"
#include "dbus/error.h"
#include "tests/unit/daemon/store/fleet-fixture.h"
#include "tests/unit/daemon/store/random-change.h"

static atomic_bool disk_is_full;

int __real_replica_put_revision(Txn *txn, uint64_t revision);
int __wrap_replica_put_revision(Txn *txn, uint64_t revision);
int __wrap_replica_put_revision(Txn *txn, uint64_t revision)
{
        return disk_is_full ? -ENOSPC : __real_replica_put_revision(txn, revision);
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
                fleet_wait(fleet, &shared.n_calls, 1);
                random_change_assert_same(&local, &shared);
                if (i % 50 == 0)
                        assert_same_links(fleet->local.store, host->store);
        }
        fleet_settle(fleet);
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
                        fleet_wait(fleet, &changes[i].n_calls, 1);
                        assert_true(changes[i].r == 0 || changes[i].r == ERROR_NOT_FOUND ||
                                    changes[i].r == ERROR_LINK_CONFLICT);
                        random_change_tally(&changes[i], &drawn[i], balance);
                        random_change_clear(&changes[i]);
                }
        }
        fleet_settle(fleet);
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
                n_told += fleet->watchers[i].n_added - fleet->watchers[i].n_removed;
        assert_int_equal(n_told, (HOSTS - 1) * count(fleet->hosts[0].store, "t"));
}

/* A dry run of an import, which is longer than a step, changes nothing, also among other changes.
 */
static void test_dry_run(void **state)
{
        Fleet *fleet = *state;
        Outcome before = {}, after = {};

        add_later(fleet->hosts[0].store, "t", "u", "before", &before);
        fleet_import(fleet, 0, "dry", 100, "u", true);
        add_later(fleet->hosts[0].store, "t", "u", "after", &after);
        fleet_wait(fleet, &before.n_calls, 1);
        fleet_wait(fleet, &after.n_calls, 1);
        assert_int_equal(before.r | after.r, 0);
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++)
                assert_int_equal(count(fleet->hosts[i].store, "t"), 2);
        fleet_add_links(fleet, 0, "dry", 100, "u");
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

        fleet_add_links(fleet, 0, "a", 2, "u");
        fleet_settle(fleet);
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

        fleet_add_links(fleet, 0, "many", LINKS_PER_USER_MAX - LEFT, "u");
        for (unsigned i = 0; i < AT_ONCE; i++) {
                char id[16];

                snprintf(id, sizeof(id), "last-%u", i);
                add_later(fleet->hosts[i % HOSTS].store, "t", "u", id, &outcomes[i]);
        }
        for (unsigned i = 0; i < AT_ONCE; i++) {
                fleet_wait(fleet, &outcomes[i].n_calls, 1);
                assert_true(outcomes[i].r == 0 || outcomes[i].r == ERROR_LIMITS_EXCEEDED);
                n_added += outcomes[i].r == 0;
        }
        assert_int_equal(n_added, LEFT);
        fleet_settle(fleet);
        assert_int_equal(count_of_user(fleet->hosts[1].store, "t", "u"), LINKS_PER_USER_MAX);
}

/* A removal of all links of a user also removes one that its host has not heard of. */
static void test_removal_of_unseen_link(void **state)
{
        Fleet *fleet = *state;
        _cleanup_(outcome_clear) Outcome added = {}, removed = {};

        fleet_add_links(fleet, 0, "seen", 100, "u");
        fleet_settle(fleet);
        add_later(fleet->hosts[0].store, "t", "u", "unseen", &added);
        fleet_wait(fleet, &added.n_calls, 1);
        assert_int_equal(
                store_remove_by_user(fleet->hosts[2].store, "t", "u", on_removed, &removed, NULL),
                0);
        fleet_wait(fleet, &removed.n_calls, 1);
        assert_int_equal(removed.r, 0);
        assert_int_equal(removed.n_removed, 101);
        assert_int_equal(memory_cluster_count(fleet->cluster, "links/"), 0);
}

/* A host that was away for too long loads everything anew, while it serves what it has. */
static void test_compaction(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;

        fleet_add_links(fleet, 0, "old", 20, "u");
        fleet_settle(fleet);
        fleet->hosts[2].store = store_free(fleet->hosts[2].store);
        fleet_add_links(fleet, 0, "new", 50, "v");
        fleet_remove(fleet, 0, "old-3");
        memory_cluster_compact(fleet->cluster);
        fleet_join(fleet, 2);
        assert_string_equal(user_of(fleet->hosts[2].store, "t", "old-3"), "u");
        fleet_settle(fleet);
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

        fleet_add_links(fleet, 0, "a", 30, "u");
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++)
                fleet->hosts[i].store = store_free(fleet->hosts[i].store);
        for (unsigned i = 0; i < HOSTS; i++) {
                audit(fleet->hosts[i].directory);
                fleet_join(fleet, i);
                assert_int_equal(count(fleet->hosts[i].store, "t"), 30);
        }
        assert_int_equal(fleet_add(fleet, 1, "u", "b", &newly_linked), 0);
        fleet_settle(fleet);
        assert_string_equal(user_of(fleet->hosts[2].store, "t", "b"), "u");
}

/* Without the log, links can be read but not changed; a replica that was never loaded has none. */
static void test_unreachable(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;
        Link *link;

        assert_int_equal(fleet_add(fleet, 0, "u", "a", &newly_linked), 0);
        fleet_settle(fleet);
        memory_cluster_set_reachable(fleet->cluster, false);
        assert_int_equal(fleet_add(fleet, 0, "u", "b", &newly_linked), ERROR_STORE_FAILED);
        assert_string_equal(user_of(fleet->hosts[1].store, "t", "a"), "u");
        fleet->hosts[2].store = store_free(fleet->hosts[2].store);
        remove_tree(fleet->hosts[2].directory);
        fleet_make_directory(&fleet->hosts[2]);
        fleet_join(fleet, 2);
        assert_int_equal(store_get_link(fleet->hosts[2].store, "t", "a", &link),
                         ERROR_STORE_FAILED);
        memory_cluster_set_reachable(fleet->cluster, true);
        fleet_settle(fleet);
        assert_string_equal(user_of(fleet->hosts[2].store, "t", "a"), "u");
        assert_int_equal(fleet_add(fleet, 2, "u", "b", &newly_linked), 0);
}

static void on_confirmed(void *userdata)
{
        (*(unsigned *) userdata)++;
}

/* A host that lags behind finds the links of the others before it says that there are none. */
static void test_confirmed_misses(void **state)
{
        enum { ROUNDS = 40 };
        Fleet *fleet = *state;
        Store *reader = fleet->hosts[1].store;
        StoreConfirmation *confirmation;
        bool newly_linked;
        unsigned n_lags = 0, n;

        for (unsigned i = 0; i < ROUNDS; i++) {
                char id[16], user[16];

                snprintf(id, sizeof(id), "a%u", i);
                snprintf(user, sizeof(user), "u%u", i);
                assert_int_equal(fleet_add(fleet, 0, user, id, &newly_linked), 0);
                n_lags += !*user_of(reader, "t", id);
                n = 0;
                assert_true(i % 2 ? store_confirm_no_link(reader, "t", id, on_confirmed, &n,
                                                          &confirmation)
                                  : store_confirm_no_links_of_user(reader, "t", user, on_confirmed,
                                                                   &n, &confirmation));
                fleet_wait(fleet, &n, 1);
                assert_string_equal(user_of(reader, "t", id), user);
        }
        assert_true(n_lags > ROUNDS / 4);
        assert_int_equal(store_n_unconfirmed(reader), 0);

        n = 0;
        assert_true(store_confirm_no_link(reader, "t", "none", on_confirmed, &n, &confirmation));
        fleet_wait(fleet, &n, 1);
        assert_int_equal(store_n_unconfirmed(reader), 0);
        memory_cluster_set_reachable(fleet->cluster, false);
        assert_true(store_confirm_no_link(reader, "t", "none", on_confirmed, &n, &confirmation));
        fleet_wait(fleet, &n, 2);
        assert_int_equal(store_n_unconfirmed(reader), 1);

        assert_true(store_confirm_no_link(reader, "t", "none", on_confirmed, &n, &confirmation));
        store_confirmation_give_up(confirmation);
        fleet_settle(fleet);
        assert_true(store_confirm_no_link(reader, "t", "none", on_confirmed, &n, &confirmation));
        store_confirmation_cancel(confirmation);
        assert_int_equal(n, 2);
        assert_int_equal(store_n_unconfirmed(reader), 2);
        assert_false(store_confirm_no_link(fleet->local.store, "t", "none", on_confirmed, &n,
                                           &confirmation));
}

typedef struct Taken {
        unsigned n_calls;
        int r;
} Taken;

static void on_taken_over(int r, void *userdata)
{
        Taken *taken = userdata;

        taken->n_calls++;
        taken->r = r;
}

static int take_over(Fleet *fleet, unsigned by, unsigned host)
{
        Taken taken = {};

        assert_int_equal(
                store_take_over(fleet->hosts[by].store, "t", host, on_taken_over, &taken, NULL), 0);
        fleet_wait(fleet, &taken.n_calls, 1);
        return taken.r;
}

static void begin_exchanges(Fleet *fleet, unsigned host, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                const ExchangeIntent intent = {.wants_link = true, .begun_at_api_ms = 1000000};
                Outcome outcome = {};

                assert_int_equal(store_begin_exchange(fleet->hosts[host].store, "t", &intent,
                                                      on_begun, &outcome, NULL),
                                 0);
                fleet_wait(fleet, &outcome.n_calls, 1);
                assert_int_equal(outcome.r, 0);
        }
}

static size_t n_left(Fleet *fleet, unsigned host)
{
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList list = {};

        assert_int_equal(store_list_exchanges(fleet->hosts[host].store, "t", &list), 0);
        return list.n_intents;
}

/* Intents of a host that is away become those of one other host, once. */
static void test_take_over(void **state)
{
        enum { OPEN = 50 };
        Fleet *fleet = *state;
        Taken taken[2] = {};

        begin_exchanges(fleet, 0, OPEN);
        begin_exchanges(fleet, 1, 3);
        fleet_settle(fleet);
        assert_int_equal(n_left(fleet, 1), 0);

        memory_cluster_put(fleet->cluster, "alive/000", "", 0);
        assert_int_equal(take_over(fleet, 1, 0), ERROR_STORE_FAILED);
        assert_int_equal(n_left(fleet, 1), 0);

        memory_cluster_put(fleet->cluster, "alive/000", NULL, 0);
        for (unsigned i = 0; i < 2; i++)
                assert_int_equal(store_take_over(fleet->hosts[i + 1].store, "t", 0, on_taken_over,
                                                 &taken[i], NULL),
                                 0);
        fleet_wait(fleet, &taken[0].n_calls, 1);
        fleet_wait(fleet, &taken[1].n_calls, 1);
        for (unsigned i = 1; i < HOSTS; i++)
                (void) take_over(fleet, i, 0);
        fleet_settle(fleet);
        assert_int_equal(n_left(fleet, 1) + n_left(fleet, 2), OPEN);
        assert_int_equal(memory_cluster_count(fleet->cluster, "exchanges/"), OPEN + 3);
        assert_int_equal(n_left(fleet, 0), 0);

        /* Also after a restart, and when the heir is away itself. */
        fleet->hosts[2].store = store_free(fleet->hosts[2].store);
        assert_int_equal(take_over(fleet, 1, 2), 0);
        fleet_settle(fleet);
        assert_int_equal(n_left(fleet, 1), OPEN);
        fleet->hosts[1].store = store_free(fleet->hosts[1].store);
        fleet_join(fleet, 1);
        assert_int_equal(n_left(fleet, 1), OPEN + 3);
}

/* A host that was only cut off ends its exchange, although its intent is gone. */
static void test_end_after_take_over(void **state)
{
        Fleet *fleet = *state;
        _cleanup_(link_freep) Link *link = make_link("a", "u", 1);
        const ExchangeIntent intent = {.wants_link = true, .begun_at_api_ms = 1000000};
        Outcome begun = {}, ended = {};

        assert_int_equal(
                store_begin_exchange(fleet->hosts[0].store, "t", &intent, on_begun, &begun, NULL),
                0);
        fleet_wait(fleet, &begun.n_calls, 1);
        fleet_settle(fleet);
        assert_int_equal(take_over(fleet, 1, 0), 0);
        assert_int_equal(n_left(fleet, 1), 1);
        assert_int_equal(
                store_commit_exchange(fleet->hosts[0].store, "t",
                                      &(ExchangeOutcome){.intent_id = begun.id, .link = link},
                                      on_added, &ended, NULL),
                0);
        fleet_wait(fleet, &ended.n_calls, 1);
        assert_int_equal(ended.r, 0);
        assert_true(ended.newly_linked);
        fleet_settle(fleet);
        assert_string_equal(user_of(fleet->hosts[1].store, "t", "a"), "u");
}

/* Answers expire by the clock of the host that has them, whatever the clocks of others say. */
static void test_clocks(void **state)
{
        static const uint8_t key[IDEMPOTENCY_KEY_LEN] = "a key";
        const IdempotencyRecord answer = {.error = ERROR_INTERRUPTED, .expires_at_ms = 1};
        _cleanup_(idempotency_record_clear) IdempotencyRecord found = {};
        _cleanup_(record_clear) Record record = {};
        _cleanup_(freep) char *name = shared_key_for_answer(key);
        Fleet *fleet = *state;

        assert_int_equal(record_encode(&idempotency_record, &answer, &record), 0);
        memory_cluster_put(fleet->cluster, name, record.bytes, record.len);
        fleet_settle(fleet);
        assert_int_equal(store_get_idempotency_record(fleet->hosts[1].store, key, &found), 0);
        assert_int_equal(found.error, ERROR_INTERRUPTED);
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
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++)
                assert_int_equal(count(fleet->hosts[i].store, "t"), 1);
        assert_int_equal(fleet_add(fleet, 1, "u", "c", &newly_linked), 0);
}

/* An id that is far ahead of the log does not use up the ids of the hosts, also after a restart. */
static void test_ids_far_ahead(void **state)
{
        const ExchangeIntent intent = {.wants_link = true, .window_ms = 1000};
        Fleet *fleet = *state;
        Outcome begun = {};
        bool newly_linked;
        const uint8_t *found;
        uint8_t value[1024];
        char key[64];
        size_t len;

        assert_int_equal(
                store_begin_exchange(fleet->hosts[0].store, "t", &intent, on_begun, &begun, NULL),
                0);
        fleet_wait(fleet, &begun.n_calls, 1);
        snprintf(key, sizeof(key), "exchanges/t/%016llx", (unsigned long long) begun.id);
        found = memory_cluster_get(fleet->cluster, key, &len);
        assert_non_null(found);
        assert_true(len <= sizeof(value));
        memcpy(value, found, len);
        memory_cluster_put(fleet->cluster, "exchanges/t/ffffffffffffffff", value, len);
        memory_cluster_put(fleet->cluster, "tombstones/t/fffffffffffffff0", value, len);
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++) {
                fleet->hosts[i].store = store_free(fleet->hosts[i].store);
                fleet_join(fleet, i);
        }
        assert_int_equal(fleet_add(fleet, 1, "u", "a", &newly_linked), 0);
        assert_true(newly_linked);
}

static void assert_shared(Fleet *fleet)
{
        fleet_settle(fleet);
        for (unsigned i = 0; i < HOSTS; i++) {
                assert_int_equal(store_outbox(fleet->hosts[i].store), 0);
                assert_same_links(fleet->hosts[0].store, fleet->hosts[i].store);
        }
        assert_int_equal(memory_cluster_count(fleet->cluster, "exchanges/"), 0);
        assert_int_equal(memory_cluster_count(fleet->cluster, "links/"),
                         count(fleet->hosts[0].store, "t"));
}

/* Without the log, exchanges go on; other changes fail. Later all hosts have the links. */
static void test_alone(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;

        assert_int_equal(fleet_add(fleet, 0, "u", "known", &newly_linked), 0);
        fleet_settle(fleet);
        memory_cluster_set_reachable(fleet->cluster, false);
        assert_int_equal(fleet_exchange(fleet, 0, "u", "new", &newly_linked), 0);
        assert_true(newly_linked);
        assert_int_equal(fleet_exchange(fleet, 0, "u", "new", &newly_linked), 0);
        assert_false(newly_linked);
        assert_int_equal(fleet_exchange(fleet, 1, "u", "known", &newly_linked), 0);
        assert_false(newly_linked);
        assert_int_equal(fleet_exchange(fleet, 1, "v", "known", &newly_linked),
                         ERROR_LINK_CONFLICT);
        assert_int_equal(fleet_add(fleet, 0, "u", "added", &newly_linked), ERROR_STORE_FAILED);
        assert_string_equal(user_of(fleet->hosts[0].store, "t", "new"), "u");
        assert_true(store_outbox(fleet->hosts[0].store) > 0);
        memory_cluster_set_reachable(fleet->cluster, true);
        assert_shared(fleet);
        assert_string_equal(user_of(fleet->hosts[2].store, "t", "new"), "u");
        assert_int_equal(fleet_add(fleet, 2, "u", "added", &newly_linked), 0);
}

static int teardown_full(void **state)
{
        disk_is_full = false;
        return fleet_teardown_alone(state);
}

/* A change that the log has is acknowledged by a host that cannot write to its replica. */
static void test_replica_cannot_be_written(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;

        assert_int_equal(fleet_add(fleet, 0, "u", "before", &newly_linked), 0);
        fleet_settle(fleet);
        disk_is_full = true;
        assert_int_equal(fleet_add(fleet, 0, "u", "a", &newly_linked), 0);
        assert_true(newly_linked);
        assert_int_equal(fleet_add(fleet, 0, "u", "b", &newly_linked), ERROR_STORE_FULL);
        assert_int_equal(fleet_exchange(fleet, 0, "u", "c", &newly_linked), ERROR_STORE_FULL);
        assert_string_equal(user_of(fleet->hosts[0].store, "t", "before"), "u");
        disk_is_full = false;
        fleet_settle(fleet);
        assert_shared(fleet);
        assert_int_equal(count(fleet->hosts[0].store, "t"), 2);
        assert_int_equal(fleet_add(fleet, 0, "u", "b", &newly_linked), 0);
}

/* A replica that is no store any more is loaded anew. */
static void test_damaged_replica(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;
        char path[128];
        FILE *file;

        fleet_add_links(fleet, 0, "a", 20, "u");
        fleet_settle(fleet);
        fleet->hosts[1].store = store_free(fleet->hosts[1].store);
        snprintf(path, sizeof(path), "%s/data.mdb", fleet->hosts[1].directory);
        file = fopen(path, "w");
        assert_non_null(file);
        for (unsigned i = 0; i < 10000; i++)
                assert_true(fputs("garbage", file) >= 0);
        assert_int_equal(fclose(file), 0);
        fleet_join(fleet, 1);
        fleet_settle(fleet);
        assert_same_links(fleet->hosts[0].store, fleet->hosts[1].store);
        assert_int_equal(fleet_add(fleet, 1, "u", "b", &newly_linked), 0);
}

/* The outbox waits as long as the replica cannot be written, then it is pushed. */
static void test_outbox_of_a_full_disk(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;
        int r;

        assert_int_equal(fleet_add(fleet, 0, "u", "before", &newly_linked), 0);
        fleet_settle(fleet);
        memory_cluster_set_reachable(fleet->cluster, false);
        assert_int_equal(fleet_exchange(fleet, 0, "u", "a", &newly_linked), 0);
        disk_is_full = true;
        memory_cluster_set_reachable(fleet->cluster, true);
        do { /* until the host knows that it can reach the log */
                r = fleet_add(fleet, 1, "u", "b", &newly_linked);
        } while (r == ERROR_STORE_FAILED);
        assert_int_equal(r, 0);
        assert_int_equal(fleet_add(fleet, 1, "u", "c", &newly_linked), ERROR_STORE_FULL);
        assert_true(store_outbox(fleet->hosts[0].store) > 0);
        disk_is_full = false;
        fleet_settle(fleet);
        assert_shared(fleet);
        assert_int_equal(count(fleet->hosts[2].store, "t"), 3);
}

/* Two hosts alone have linked a passkey to different users: one of them keeps it. */
static void test_alone_in_conflict(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;

        memory_cluster_set_reachable(fleet->cluster, false);
        assert_int_equal(fleet_exchange(fleet, 0, "u", "a", &newly_linked), 0);
        assert_int_equal(fleet_exchange(fleet, 1, "v", "a", &newly_linked), 0);
        assert_int_equal(fleet_exchange(fleet, 2, "u", "b", &newly_linked), 0);
        assert_int_equal(fleet_exchange(fleet, 1, "u", "b", &newly_linked), 0);
        memory_cluster_set_reachable(fleet->cluster, true);
        assert_shared(fleet);
        assert_int_equal(count(fleet->hosts[0].store, "t"), 2);
        assert_string_equal(user_of(fleet->hosts[0].store, "t", "b"), "u");
}

/* The outbox survives a restart, and that the replica is loaded anew. */
static void test_alone_and_restart(void **state)
{
        Fleet *fleet = *state;
        bool newly_linked;

        fleet_add_links(fleet, 0, "old", 20, "o");
        fleet_settle(fleet);
        memory_cluster_set_reachable(fleet->cluster, false);
        assert_int_equal(fleet_exchange(fleet, 2, "u", "a", &newly_linked), 0);
        fleet_settle(fleet);
        fleet->hosts[2].store = store_free(fleet->hosts[2].store);
        memory_cluster_set_reachable(fleet->cluster, true);
        fleet_settle(fleet);
        fleet_add_links(fleet, 1, "more", 20, "o");
        memory_cluster_compact(fleet->cluster);
        fleet_join(fleet, 2);
        assert_int_equal(store_outbox(fleet->hosts[2].store), 2);
        assert_string_equal(user_of(fleet->hosts[2].store, "t", "a"), "u");
        assert_shared(fleet);
        assert_string_equal(user_of(fleet->hosts[0].store, "t", "a"), "u");
        assert_int_equal(count(fleet->hosts[2].store, "t"), 41);
}

int main(void)
{
#define TEST(f)       cmocka_unit_test_setup_teardown(f, fleet_setup, fleet_teardown)
#define TEST_FULL(f)  cmocka_unit_test_setup_teardown(f, fleet_setup_alone, teardown_full)
#define TEST_ALONE(f) cmocka_unit_test_setup_teardown(f, fleet_setup_alone, fleet_teardown_alone)
        const struct CMUnitTest tests[] = {
                TEST(test_same_as_local),
                TEST(test_races),
                TEST(test_links_per_user),
                TEST(test_removal_of_unseen_link),
                TEST(test_compaction),
                TEST(test_restart),
                TEST(test_damaged_replica),
                TEST(test_unreachable),
                TEST(test_foreign_keys),
                TEST(test_ids_far_ahead),
                TEST_ALONE(test_alone),
                TEST_FULL(test_replica_cannot_be_written),
                TEST_FULL(test_outbox_of_a_full_disk),
                TEST_ALONE(test_alone_in_conflict),
                TEST_ALONE(test_alone_and_restart),
                TEST(test_clocks),
                TEST(test_confirmed_misses),
                TEST(test_take_over),
                TEST(test_end_after_take_over),
                TEST(test_dry_run),
                TEST(test_comparison),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stores of several hosts that share real etcds. */

#include <signal.h>
#include <stdio.h>

#include "daemon/etcd-log/etcd-log.h"
#include "daemon/store/store-shared.h"
#include "dbus/error.h"
#include "tests/etcd/etcd-fixture.h"
#include "tests/unit/daemon/store/random-change.h"

enum { HOSTS = 3 };

#define PREFIX "/test/"

typedef struct Host {
        char directory[64];
        CurlTransport *transport;
        Store *store;
        sd_event_source *source;
} Host;

static Host hosts[HOSTS];
static Fixture local;

static int on_store(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        dispatch_all(((Host *) userdata)->store);
        return 0;
}

static void host_start(unsigned i)
{
        Host *host = &hosts[i];
        StoreSharedOptions options = {};
        char name[16];

        snprintf(name, sizeof(name), "host-%u", i);
        host->transport = curl_transport_new(event, cluster.client_ports, cluster.n_members);
        assert_int_equal(etcd_log_new(event, curl_transport_get(host->transport),
                                      &(EtcdLogOptions){.prefix = PREFIX, .host_name = name},
                                      &options.log),
                         0);
        assert_int_equal(store_open_shared(host->directory, &options, &host->store), 0);
        assert_true(sd_event_add_io(event, &host->source, store_get_fd(host->store), EPOLLIN,
                                    on_store, host) >= 0);
}

static void host_stop(unsigned i)
{
        Host *host = &hosts[i];

        host->source = sd_event_source_disable_unref(host->source);
        host->store = store_free(host->store);
        host->transport = curl_transport_free(host->transport);
}

static bool host_is_loaded(unsigned i)
{
        uint64_t n;

        return store_count(hosts[i].store, "t", &n) == 0;
}

static void start_hosts(void)
{
        for (unsigned i = 0; i < HOSTS; i++) {
                strcpy(hosts[i].directory, "/tmp/test-store.XXXXXX");
                assert_non_null(mkdtemp(hosts[i].directory));
                host_start(i);
        }
        for (unsigned i = 0; i < HOSTS; i++)
                run_until(host_is_loaded(i));
        strcpy(local.directory, "/tmp/test-store.XXXXXX");
        assert_non_null(mkdtemp(local.directory));
        assert_int_equal(store_open(local.directory, &local.store), 0);
}

static int set_up(void **state)
{
        fixture_start(1, NULL);
        start_hosts();
        return 0;
}

static int set_up_cluster(void **state)
{
        fixture_start(3, NULL);
        start_hosts();
        return 0;
}

static int tear_down_hosts(void **state)
{
        for (unsigned i = 0; i < HOSTS; i++) {
                host_stop(i);
                audit(hosts[i].directory);
                remove_tree(hosts[i].directory);
        }
        store_free(local.store);
        remove_tree(local.directory);
        return tear_down(state);
}

static bool has_user(unsigned host, const char *authenticator, const char *user)
{
        return streq(user_of(hosts[host].store, "t", authenticator), user);
}

/* Until it succeeds. */
static void add_surely(unsigned host, const char *user, const char *authenticator)
{
        Outcome outcome = {.r = -1};

        while (outcome.r != 0) {
                outcome = (Outcome){};
                add_later(hosts[host].store, "t", user, authenticator, &outcome);
                run_until(outcome.n_calls == 1);
                assert_true(outcome.r == 0 || outcome.r == ERROR_STORE_FAILED);
        }
}

/* All replicas have the last change of each host. */
static void settle(void)
{
        static unsigned n;
        char id[HOSTS][32];

        n++;
        for (unsigned i = 0; i < HOSTS; i++) {
                snprintf(id[i], sizeof(id[i]), "settled-%u-%u", n, i);
                add_surely(i, "settled", id[i]);
        }
        for (unsigned i = 0; i < HOSTS; i++)
                for (unsigned k = 0; k < HOSTS; k++)
                        run_until(has_user(k, id[i], "settled"));
}

/* Changes one after another have the same outcomes as in a local store. */
static void test_same_as_local(void **state)
{
        enum { CHANGES = 300 };
        Random random = {.seed = 5};

        for (unsigned i = 0; i < CHANGES; i++) {
                _cleanup_(random_change_clear) RandomChange shared = {}, alone = {};

                random_draw(&random);
                random_change_start(local.store, &random, &alone);
                while (alone.n_calls == 0)
                        dispatch_all(local.store);
                random_change_start(hosts[i % HOSTS].store, &random, &shared);
                run_until(shared.n_calls == 1);
                random_change_assert_same(&alone, &shared);
        }
        assert_same_links(local.store, hosts[(CHANGES - 1) % HOSTS].store);
        settle();
        for (unsigned i = 1; i < HOSTS; i++)
                assert_same_links(hosts[0].store, hosts[i].store);
}

/* Some changes at once by all hosts, whose links meet. Returns how many failed. */
static unsigned race(Random *random, int balance[RANDOM_AUTHENTICATORS])
{
        enum { AT_ONCE = 24 };
        RandomChange changes[AT_ONCE] = {};
        Random drawn[AT_ONCE];
        unsigned n_failed = 0;

        for (unsigned i = 0; i < AT_ONCE; i++) {
                random_draw(random);
                drawn[i] = *random;
                random_change_start(hosts[i % HOSTS].store, random, &changes[i]);
        }
        for (unsigned i = 0; i < AT_ONCE; i++) {
                run_until(changes[i].n_calls == 1);
                n_failed += changes[i].r == ERROR_STORE_FAILED;
                random_change_tally(&changes[i], &drawn[i], balance);
                random_change_clear(&changes[i]);
        }
        return n_failed;
}

static void test_races(void **state)
{
        int balance[RANDOM_AUTHENTICATORS] = {};
        Random random = {.seed = 3};

        for (unsigned i = 0; i < 20; i++)
                assert_int_equal(race(&random, balance), 0);
        settle();
        for (unsigned i = 1; i < HOSTS; i++)
                assert_same_links(hosts[0].store, hosts[i].store);
        for (unsigned i = 0; i < RANDOM_AUTHENTICATORS; i++) {
                char id[16];

                snprintf(id, sizeof(id), "a%u", i);
                assert_int_equal(balance[i], *user_of(hosts[0].store, "t", id) ? 1 : 0);
        }
}

/* Members are killed and stopped while hosts add links: each link that was acknowledged is there.
 */
static void test_faults(void **state)
{
        enum { FAULTS = 12, LINKS = 12 };
        Random random = {.seed = 9};
        unsigned n_acknowledged = 0;
        bool acknowledged[FAULTS * LINKS] = {};

        for (unsigned fault = 0; fault < FAULTS; fault++) {
                unsigned member = (unsigned) rand_r(&random.seed) % 3;
                Outcome outcomes[LINKS] = {};
                bool kills = fault % 2;

                for (unsigned i = 0; i < LINKS; i++) {
                        char id[32];

                        snprintf(id, sizeof(id), "link-%u", fault * LINKS + i);
                        add_later(hosts[i % HOSTS].store, "t", id, id, &outcomes[i]);
                        if (i != LINKS / 2)
                                continue;
                        if (kills)
                                etcd_cluster_kill_member(&cluster, member);
                        else
                                etcd_cluster_signal_member(&cluster, member, SIGSTOP);
                }
                for (unsigned i = 0; i < LINKS; i++) {
                        run_until(outcomes[i].n_calls == 1);
                        acknowledged[fault * LINKS + i] = outcomes[i].r == 0;
                        n_acknowledged += outcomes[i].r == 0;
                }
                if (kills)
                        etcd_cluster_start_member(&cluster, member);
                else
                        etcd_cluster_signal_member(&cluster, member, SIGCONT);
                settle();
        }
        print_message("# %u of %u links acknowledged\n", n_acknowledged, FAULTS * LINKS);
        assert_true(n_acknowledged > FAULTS * LINKS / 3);
        for (unsigned i = 0; i < FAULTS * LINKS; i++) {
                char id[32];

                snprintf(id, sizeof(id), "link-%u", i);
                if (acknowledged[i])
                        assert_true(has_user(0, id, id));
        }
        for (unsigned i = 1; i < HOSTS; i++)
                assert_same_links(hosts[0].store, hosts[i].store);
}

/* A host that was stopped follows from where it was; after a compaction it loads everything. */
static void test_restart(void **state)
{
        add_surely(0, "u", "a");
        run_until(has_user(2, "a", "u"));
        host_stop(2);
        add_surely(0, "u", "b");
        host_start(2);
        assert_true(has_user(2, "a", "u"));
        run_until(has_user(2, "b", "u"));
        host_stop(2);
        add_surely(1, "u", "c");
        fixture_compact(fixture_put_surely("other", ""));
        host_start(2);
        run_until(has_user(2, "c", "u"));
        add_surely(2, "u", "d");
        run_until(has_user(0, "d", "u"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_same_as_local, set_up, tear_down_hosts),
                cmocka_unit_test_setup_teardown(test_races, set_up, tear_down_hosts),
                cmocka_unit_test_setup_teardown(test_restart, set_up, tear_down_hosts),
                cmocka_unit_test_setup_teardown(test_faults, set_up_cluster, tear_down_hosts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

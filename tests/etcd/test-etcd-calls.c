/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls, snapshots and leases with one etcd. */

#include <stdio.h>

#include "daemon/etcd/etcd-health.h"
#include "daemon/etcd/etcd-lease.h"
#include "daemon/etcd/etcd-snapshot.h"
#include "daemon/etcd/etcd-watch.h"
#include "tests/etcd/etcd-fixture.h"

static void test_compares(void **state)
{
        static const struct {
                EtcdCompare compare;
                bool succeeds;
        } cases[] = {
                {{ETCD_COMPARE_VERSION, ETCD_COMPARE_EQUAL, .number = 2}, true},
                {{ETCD_COMPARE_VERSION, ETCD_COMPARE_EQUAL, .number = 1}, false},
                {{ETCD_COMPARE_VERSION, ETCD_COMPARE_GREATER, .number = 1}, true},
                {{ETCD_COMPARE_VERSION, ETCD_COMPARE_LESS, .number = 2}, false},
                {{ETCD_COMPARE_CREATE, ETCD_COMPARE_NOT_EQUAL, .number = 0}, true},
                {{ETCD_COMPARE_CREATE, ETCD_COMPARE_EQUAL, .number = 0}, false},
                {{ETCD_COMPARE_CREATE, ETCD_COMPARE_EQUAL, .number = 2}, true},
                {{ETCD_COMPARE_MOD, ETCD_COMPARE_EQUAL, .number = 3}, true},
                {{ETCD_COMPARE_MOD, ETCD_COMPARE_LESS, .number = 4}, true},
                {{ETCD_COMPARE_VALUE, ETCD_COMPARE_EQUAL, .value = ETCD_BYTES("two")}, true},
                {{ETCD_COMPARE_VALUE, ETCD_COMPARE_NOT_EQUAL, .value = ETCD_BYTES("two")}, false},
                {{ETCD_COMPARE_MOD, ETCD_COMPARE_LESS, .number = 4, .range_end = ETCD_BYTES("a0")},
                 true},
                {{ETCD_COMPARE_MOD, ETCD_COMPARE_LESS, .number = 3, .range_end = ETCD_BYTES("a0")},
                 false},
        };
        bool succeeded;

        assert_int_equal(fixture_put("a/1", "one", NULL), 0);
        assert_int_equal(fixture_put("a/1", "two", NULL), 0);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                EtcdCompare compare = cases[i].compare;
                const EtcdTxn txn = {.compares = &compare, .n_compares = 1};

                compare.key = ETCD_BYTES("a/1");
                assert_int_equal(fixture_txn(&txn, &succeeded, NULL), 0);
                if (succeeded != cases[i].succeeds)
                        fail_msg("case %zu", i);
        }
}

/* 64 nested txns, each a put if the key does not exist. */
static void test_batch(void **state)
{
        char keys[64][16];
        EtcdCompare compares[64];
        EtcdOp puts[64], ops[64];
        EtcdTxn nested[64];
        const EtcdTxn txn = {.success = ops, .n_success = 64};
        int64_t revision, next_revision;

        for (size_t i = 0; i < 64; i++) {
                EtcdBytes key = {keys[i], (size_t) snprintf(keys[i], 16, "a/%zu", i)};

                compares[i] = (EtcdCompare){.target = ETCD_COMPARE_CREATE, .key = key};
                puts[i] = (EtcdOp){.kind = ETCD_OP_PUT, .put = {.key = key}};
                nested[i] = (EtcdTxn){compares + i, 1, puts + i, 1};
                ops[i] = (EtcdOp){.kind = ETCD_OP_TXN, .txn = nested + i};
        }
        assert_int_equal(fixture_txn(&txn, NULL, &revision), 0);
        /* Conflicts: nothing is written. */
        assert_int_equal(fixture_txn(&txn, NULL, &next_revision), 0);
        assert_int_equal(revision, 2);
        assert_int_equal(next_revision, 2);
}

static void test_refusals(void **state)
{
        const EtcdOp twice[] = {
                {.kind = ETCD_OP_PUT, .put = {.key = ETCD_BYTES("a/1")}},
                {.kind = ETCD_OP_PUT, .put = {.key = ETCD_BYTES("a/1")}},
        };
        const EtcdOp lease = {.kind = ETCD_OP_PUT, .put = {.key = ETCD_BYTES("a/1"), .lease = 9}};
        int r;

        r = fixture_txn(&(EtcdTxn){.success = twice, .n_success = 2}, NULL, NULL);
        assert_int_equal(r, ETCD_ERROR_REFUSED);
        r = fixture_txn(&(EtcdTxn){.success = &lease, .n_success = 1}, NULL, NULL);
        assert_int_equal(r, ETCD_ERROR_LEASE_NOT_FOUND);
        /* None is the fault of the endpoint. */
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_SERVING);
}

static int range_r;
static size_t range_n;

static void on_range(int r, const EtcdReply *reply, void *userdata)
{
        range_r = r;
        range_n = reply ? reply->range.n_kvs : 0;
        *(bool *) userdata = true;
}

static int range(const EtcdRange *what, const EtcdCallOptions *options)
{
        bool ended = false;
        EtcdCall *call;

        assert_int_equal(etcd_range_start(client, what, options, on_range, &ended, &call), 0);
        run_until(ended);
        return range_r;
}

static void test_ranges(void **state)
{
        EtcdRange what = {.key = ETCD_BYTES("a/"), .range_end = ETCD_BYTES("a0")};

        assert_int_equal(fixture_put("a/1", "one", NULL), 0);
        assert_int_equal(fixture_put("a/2", "two", NULL), 0);
        assert_int_equal(range(&what, NULL), 0);
        assert_int_equal(range_n, 2);
        what.serializable = true;
        assert_int_equal(range(&what, NULL), 0);
        assert_int_equal(range_n, 2);
        what.revision = 2;
        assert_int_equal(range(&what, NULL), 0);
        assert_int_equal(range_n, 1);
        assert_int_equal(range(&what, &(EtcdCallOptions){.reply_len_max = 100}),
                         ETCD_ERROR_TOO_LARGE);
        fixture_compact(3);
        assert_int_equal(range(&what, NULL), ETCD_ERROR_COMPACTED);
        what.revision = 99;
        assert_int_equal(range(&what, &(EtcdCallOptions){.timeout_ms = 500}),
                         ETCD_ERROR_UNAVAILABLE);
}

static bool health_ended;

/* All that is expected, unless a request has timed out. */
static void on_health(const EtcdHealth *health, void *userdata)
{
        const EtcdEndpointHealth *endpoint = health->endpoints;
        bool *ret_is_read_only = userdata;

        *ret_is_read_only = health->no_space && health->n_members == 1 && endpoint->error == 0 &&
                            endpoint->is_leader && endpoint->status.db_size > 100000;
        health_ended = true;
}

/* A quota alarm makes the cluster read-only. */
static void test_quota(void **state)
{
        static char value[200001];
        EtcdRange what = {.key = ETCD_BYTES("a/1")};
        EtcdHealthCheck *check;
        bool is_read_only = false;
        int r = 0;

        fixture_start(1, "1000000");
        memset(value, 'x', sizeof(value) - 1);
        for (unsigned i = 0; i < 100 && r == 0; i++)
                r = fixture_put("a/1", value, NULL);
        assert_int_equal(r, ETCD_ERROR_NO_SPACE);
        assert_int_equal(range(&what, NULL), 0);
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_SERVING);
        for (unsigned i = 0; !is_read_only; i++) {
                assert_true(i < 20);
                health_ended = false;
                assert_int_equal(etcd_health_check_start(client, on_health, &is_read_only, &check),
                                 0);
                run_until(health_ended);
        }
}

#define N_KEYS 20000

static struct {
        size_t n_kvs;
        unsigned n_pages, n_restarts;
        int64_t revision;
        bool has_page, ended;
} load;

static void on_page(const EtcdSnapshotNews *news, void *userdata)
{
        if (news->kind == ETCD_SNAPSHOT_RESTART) {
                load.n_restarts++;
                load.n_pages = 0;
                load.n_kvs = 0;
                return;
        }
        assert_int_equal(news->kind, ETCD_SNAPSHOT_PAGE);
        assert_true(load.n_pages == 0 || load.revision == news->revision);
        load.revision = news->revision;
        load.n_kvs += news->n_kvs;
        load.n_pages++;
        load.has_page = true;
        load.ended = news->is_last;
}

/* Keys that are written between the pages are not seen. With `compact`, the revision of the first
 * page is lost. */
static void load_all(bool compact)
{
        const EtcdSnapshotOptions options = {.prefix = ETCD_BYTES("a/")};
        uint64_t begun_ms = monotonic_ms();
        EtcdSnapshot *snapshot = NULL;

        memset(&load, 0, sizeof(load));
        assert_int_equal(etcd_snapshot_new(client, &options, on_page, NULL, &snapshot), 0);
        for (;;) {
                run_until(load.has_page);
                if (load.ended)
                        break;
                load.has_page = false;
                (void) fixture_put_surely("a/zzz", "");
                (void) fixture_put_surely("a/zzzz", "");
                if (compact)
                        fixture_compact(load.revision + 1);
                compact = false;
                assert_int_equal(etcd_snapshot_next(snapshot), 0);
        }
        snapshot = etcd_snapshot_free(snapshot);
        print_message("# %zu keys in %u pages in %u ms\n", load.n_kvs, load.n_pages,
                      (unsigned) (monotonic_ms() - begun_ms));
}

static void put_many(void)
{
        char keys[100][32], value[] = "a value of a length that a link has, which is about 100 "
                                      "bytes as it is stored in the records of the cluster.";
        EtcdOp ops[100];
        const EtcdTxn txn = {.success = ops, .n_success = 100};

        for (unsigned i = 0; i < N_KEYS; i += 100) {
                for (unsigned j = 0; j < 100; j++) {
                        int len = snprintf(keys[j], sizeof(keys[j]), "a/key-%05u", i + j);

                        ops[j] = (EtcdOp){.kind = ETCD_OP_PUT,
                                          .put = {.key = {keys[j], (size_t) len},
                                                  .value = {value, sizeof(value)}}};
                }
                assert_int_equal(fixture_txn(&txn, NULL, NULL), 0);
        }
}

static void test_snapshot(void **state)
{
        put_many();
        load_all(false);
        assert_int_equal(load.n_kvs, N_KEYS);
        assert_int_equal(load.n_pages, N_KEYS / 1000);
        load_all(true);
        assert_int_equal(load.n_restarts, 1);
        assert_int_equal(load.n_kvs, N_KEYS + 2);
}

static unsigned n_removed;

static void on_news(const EtcdWatchNews *news, void *userdata)
{
        for (size_t i = 0; i < news->n_events; i++)
                n_removed += news->events[i].is_delete;
}

static void on_lease(EtcdLease *lease, int error, void *userdata)
{
        assert_int_equal(error, 0);
}

/* A key outlives the TTL while its lease is kept alive, and goes with it. */
static void test_lease(void **state)
{
        const EtcdWatchOptions options = {.prefix = ETCD_BYTES("a/"), .revision = 1};
        EtcdOp op = {.kind = ETCD_OP_PUT, .put = {.key = ETCD_BYTES("a/1")}};
        EtcdLease *lease = NULL;
        EtcdWatch *watch = NULL;
        uint64_t expires_at_ms;

        n_removed = 0;
        assert_int_equal(etcd_watch_new(client, &options, on_news, NULL, &watch), 0);
        assert_int_equal(etcd_lease_new(client, 1, on_lease, NULL, &lease), 0);
        run_until(etcd_lease_state(lease) == ETCD_LEASE_HELD);
        op.put.lease = etcd_lease_id(lease);
        assert_int_equal(fixture_txn(&(EtcdTxn){.success = &op, .n_success = 1}, NULL, NULL), 0);
        expires_at_ms = etcd_lease_expires_at_ms(lease);
        run_until(etcd_lease_expires_at_ms(lease) > expires_at_ms + 4000);
        assert_int_equal(etcd_lease_state(lease), ETCD_LEASE_HELD);
        assert_int_equal(n_removed, 0);
        lease = etcd_lease_free(lease);
        run_until(n_removed == 1);
        watch = etcd_watch_free(watch);
}

/* Nothing keeps the lease alive, or revokes it. */
static void test_lease_expires(void **state)
{
        const EtcdWatchOptions options = {.prefix = ETCD_BYTES("a/"), .revision = 1};
        EtcdOp op = {.kind = ETCD_OP_PUT, .put = {.key = ETCD_BYTES("a/1")}};
        EtcdLease *lease = NULL;
        EtcdWatch *watch = NULL;

        n_removed = 0;
        assert_int_equal(etcd_lease_new(client, 1, on_lease, NULL, &lease), 0);
        run_until(etcd_lease_state(lease) == ETCD_LEASE_HELD);
        op.put.lease = etcd_lease_id(lease);
        assert_int_equal(fixture_txn(&(EtcdTxn){.success = &op, .n_success = 1}, NULL, NULL), 0);
        lease = etcd_lease_free(lease);
        fixture_disconnect();
        fixture_connect(cluster.client_ports, 1);
        assert_int_equal(etcd_watch_new(client, &options, on_news, NULL, &watch), 0);
        run_until(n_removed == 1);
        watch = etcd_watch_free(watch);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up_one, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_compares),
                TEST(test_batch),
                TEST(test_refusals),
                TEST(test_ranges),
                cmocka_unit_test_teardown(test_quota, tear_down),
                TEST(test_snapshot),
                TEST(test_lease),
                TEST(test_lease_expires),
        };

        return fixture_run(tests);
}

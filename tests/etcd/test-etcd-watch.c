/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Watches while members fail. */

#include <signal.h>
#include <stdio.h>

#include "daemon/etcd/etcd-watch.h"
#include "tests/etcd/etcd-fixture.h"

#define REVISIONS_MAX 1000

static EtcdWatch *watch;
static bool delivered[REVISIONS_MAX]; /* by revision */
static int64_t last_delivered;
static size_t last_n_events, n_events;
static EtcdWatchNews end_news;

static void on_news(const EtcdWatchNews *news, void *userdata)
{
        if (news->kind == ETCD_WATCH_END) {
                end_news = *news;
                return;
        }
        assert_true(news->revision > last_delivered && news->revision < REVISIONS_MAX);
        last_delivered = news->revision;
        last_n_events = news->n_events;
        n_events += news->n_events;
        if (news->kind == ETCD_WATCH_EVENTS)
                delivered[news->revision] = true;
}

static void start_watch(int64_t revision, uint64_t check_ms)
{
        const EtcdWatchOptions options = {
                .prefix = ETCD_BYTES("a/"),
                .revision = revision,
                .check_ms = check_ms,
        };

        memset(delivered, 0, sizeof(delivered));
        last_delivered = revision;
        end_news = (EtcdWatchNews){};
        assert_int_equal(etcd_watch_new(client, &options, on_news, NULL, &watch), 0);
}

static int stop(void **state)
{
        watch = etcd_watch_free(watch);
        return tear_down(state);
}

/* Revisions of writes that were acknowledged. */
static struct {
        int64_t revisions[REVISIONS_MAX];
        size_t n;
} writes;

static void put_some(unsigned n)
{
        char value[16];

        for (unsigned i = 0; i < n; i++) {
                snprintf(value, sizeof(value), "%zu", writes.n);
                writes.revisions[writes.n++] = fixture_put_surely("a/1", value);
        }
}

static void assert_all_delivered(void)
{
        run_until(last_delivered >= writes.revisions[writes.n - 1]);
        for (size_t i = 0; i < writes.n; i++)
                assert_true(delivered[writes.revisions[i]]);
}

static void test_order(void **state)
{
        EtcdOp ops[100];
        char keys[100][16];
        int64_t revision;

        memset(&writes, 0, sizeof(writes));
        put_some(5);
        start_watch(1, 0);
        put_some(5);
        assert_all_delivered();
        for (unsigned i = 0; i < 100; i++) {
                int len = snprintf(keys[i], sizeof(keys[i]), "a/%u", i);

                ops[i] = (EtcdOp){.kind = ETCD_OP_PUT, .put = {.key = {keys[i], (size_t) len}}};
        }
        assert_int_equal(fixture_txn(&(EtcdTxn){.success = ops, .n_success = 100}, NULL, &revision),
                         0);
        run_until(last_delivered == revision);
        assert_int_equal(last_n_events, 100);
}

/* The history is longer than a message of etcd, which is about 2 MiB. */
static void test_long_history(void **state)
{
        static char value[20000];
        EtcdOp ops[100];
        char keys[100][16];
        int64_t revision = 0;

        for (unsigned i = 0; i < 100; i++) {
                int len = snprintf(keys[i], sizeof(keys[i]), "a/%u", i);

                ops[i] = (EtcdOp){.kind = ETCD_OP_PUT,
                                  .put = {.key = {keys[i], (size_t) len},
                                          .value = {value, i < 50 ? sizeof(value) : 10}}};
        }
        for (unsigned i = 0; i < 20; i++)
                assert_int_equal(
                        fixture_txn(&(EtcdTxn){.success = ops, .n_success = 100}, NULL, &revision),
                        0);
        n_events = 0;
        start_watch(1, 0);
        run_until(last_delivered == revision);
        assert_int_equal(last_n_events, 100);
        assert_int_equal(n_events, 2000);
}

/* A watch proves its freshness while nothing changes, and while only other keys do. */
static void test_freshness(void **state)
{
        uint64_t heard_at_ms;

        start_watch(1, 50);
        run_until(etcd_watch_heard_at_ms(watch) > 0);
        heard_at_ms = etcd_watch_heard_at_ms(watch);
        run_until(etcd_watch_heard_at_ms(watch) > heard_at_ms + 200);
        assert_int_equal(fixture_put("b/1", "", NULL), 0);
        heard_at_ms = monotonic_ms();
        run_until(etcd_watch_heard_at_ms(watch) > heard_at_ms);
        assert_int_equal(last_delivered, 1);
}

static void test_compaction(void **state)
{
        memset(&writes, 0, sizeof(writes));
        start_watch(1, 0);
        put_some(5);
        assert_all_delivered();
        fixture_compact(4);
        put_some(1);
        assert_all_delivered();
        watch = etcd_watch_free(watch);
        start_watch(1, 0);
        run_until(end_news.kind == ETCD_WATCH_END);
        assert_int_equal(end_news.error, ETCD_ERROR_COMPACTED);
        assert_int_equal(end_news.compact_revision, 4);
}

/* The member that has the stream, or the leader, is killed and started again. */
static void kill_and_restart(unsigned i)
{
        uint64_t killed_ms;

        put_some(5);
        assert_all_delivered();
        killed_ms = monotonic_ms();
        etcd_cluster_kill_member(&cluster, i);
        put_some(1);
        print_message("# the first write after %u ms", (unsigned) (monotonic_ms() - killed_ms));
        put_some(5);
        assert_all_delivered();
        print_message(", all events after %u ms\n", (unsigned) (monotonic_ms() - killed_ms));
        etcd_cluster_start_member(&cluster, i);
}

static void test_killed_members(void **state)
{
        unsigned endpoint;

        memset(&writes, 0, sizeof(writes));
        start_watch(1, 500);
        for (unsigned i = 0; i < 2; i++) {
                run_until(etcd_client_endpoint(client, &endpoint));
                kill_and_restart(endpoint);
                kill_and_restart(fixture_leader());
        }
        assert_int_equal(end_news.kind, ETCD_WATCH_EVENTS);
}

/* A member that hangs is noticed by a check. */
static void test_stopped_member(void **state)
{
        unsigned endpoint = 0;
        uint64_t stopped_ms;

        memset(&writes, 0, sizeof(writes));
        start_watch(1, 500);
        put_some(5);
        assert_all_delivered();
        run_until(etcd_client_endpoint(client, &endpoint));
        etcd_cluster_signal_member(&cluster, endpoint, SIGSTOP);
        stopped_ms = monotonic_ms();
        run_until(etcd_watch_heard_at_ms(watch) > stopped_ms);
        print_message("# fresh after %u ms\n", (unsigned) (monotonic_ms() - stopped_ms));
        put_some(5);
        assert_all_delivered();
        etcd_cluster_signal_member(&cluster, endpoint, SIGCONT);
        put_some(5);
        assert_all_delivered();
}

int main(void)
{
#define TEST(f, set_up) cmocka_unit_test_setup_teardown(f, set_up, stop)
        const struct CMUnitTest tests[] = {
                TEST(test_order, set_up_one),
                TEST(test_long_history, set_up_one),
                TEST(test_freshness, set_up_one),
                TEST(test_compaction, set_up_one),
                TEST(test_killed_members, set_up_three),
                TEST(test_stopped_member, set_up_three),
        };

        return fixture_run(tests);
}

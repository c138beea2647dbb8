/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "daemon/etcd/etcd-call.h"
#include "daemon/etcd/etcd-health.h"
#include "tests/unit/daemon/etcd/scripted-transport.h"
#include "tests/unit/test.h"

/* "probe" and "key" in base64. */
#define PROBE "cHJvYmU="
#define KEY   "a2V5"

#define REPLY(cluster, revision) \
        "{\"header\":{\"cluster_id\":\"" #cluster \
        "\",\"member_id\":\"1\",\"revision\":\"" #revision "\"}}"
#define TXN_REPLY \
        "{\"header\":{\"cluster_id\":\"7\",\"revision\":\"6\"},\"succeeded\":true," \
        "\"responses\":[{\"response_put\":{}}]}"
#define TOLD(code, text) "{\"error\":\"" text "\",\"message\":\"" text "\",\"code\":" #code "}"

static sd_event *event;
static EtcdClient *client;
static unsigned n_changes, n_ended;
static int ended_r;
static int64_t ended_revision;

uint64_t jitter_ms(uint64_t base_ms)
{
        return 1;
}

static void on_changed(EtcdClient *c, void *userdata)
{
        n_changes++;
}

static void on_ended(int r, const EtcdReply *reply, void *userdata)
{
        assert_true((r == 0) == (reply != NULL));
        n_ended++;
        ended_r = r;
        ended_revision = reply ? reply->header.revision : 0;
}

static void make_client(const EtcdClientOptions *options)
{
        EtcdClientOptions all = *options;

        all.probe_key = ETCD_BYTES("probe");
        assert_int_equal(etcd_client_new(event, &script_transport, &all, on_changed, NULL, &client),
                         0);
}

static int set_up(void **state)
{
        script_reset();
        n_changes = n_ended = 0;
        ended_r = 1;
        return sd_event_new(&event) < 0;
}

static int tear_down(void **state)
{
        client = etcd_client_free(client);
        event = sd_event_unref(event);
        script_reset();
        return 0;
}

static void answer_probe(unsigned endpoint, const char *reply)
{
        script_reply(script_await(event, ETCD_KV_RANGE, endpoint, PROBE), 0, 200, reply);
}

static void fail_probe(unsigned endpoint, int r)
{
        script_reply(script_await(event, ETCD_KV_RANGE, endpoint, PROBE), r, 0, NULL);
}

/* Serves at endpoint 1, at revision 5 of cluster 7. */
static void make_serving(const EtcdClientOptions *options)
{
        make_client(options);
        answer_probe(1, REPLY(7, 5));
        script_run_ready(event);
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_SERVING);
        assert_int_equal(n_changes, 1);
        assert_null(script_exchanges);
}

static EtcdCall *start_range(const EtcdCallOptions *options, bool serializable)
{
        const EtcdRange range = {.key = ETCD_BYTES("key"), .serializable = serializable};
        EtcdCall *call = NULL;

        assert_int_equal(etcd_range_start(client, &range, options, on_ended, NULL, &call), 0);
        assert_non_null(call);
        assert_int_equal(n_ended, 0);
        return call;
}

static EtcdCall *start_txn(const EtcdCallOptions *options)
{
        const EtcdOp op = {.kind = ETCD_OP_PUT, .put = {.key = ETCD_BYTES("key")}};
        const EtcdTxn txn = {.success = &op, .n_success = 1};
        EtcdCall *call = NULL;

        assert_int_equal(etcd_txn_start(client, &txn, options, on_ended, NULL, &call), 0);
        assert_non_null(call);
        assert_int_equal(n_ended, 0);
        return call;
}

static void assert_ended(int r)
{
        script_run_until(event, n_ended > 0);
        script_run_ready(event);
        assert_int_equal(n_ended, 1);
        assert_int_equal(ended_r, r);
        n_ended = 0;
}

/* A call waits for the first endpoint that answers. */
static void test_choice(void **state)
{
        unsigned endpoint;

        make_client(&(EtcdClientOptions){});
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_STARTING);
        start_range(NULL, false);
        for (unsigned i = 0; i < 3; i++)
                (void) script_await(event, ETCD_KV_RANGE, i, PROBE);
        assert_null(script_find(ETCD_KV_RANGE, 0, KEY));
        answer_probe(2, REPLY(7, 5));
        assert_true(etcd_client_endpoint(client, &endpoint));
        assert_int_equal(endpoint, 2);
        /* Other probes are cancelled. */
        assert_null(script_exchanges);
        script_reply(script_await(event, ETCD_KV_RANGE, 2, KEY), 0, 200, REPLY(7, 6));
        assert_ended(0);
        assert_int_equal(ended_revision, 6);
        assert_int_equal(etcd_client_revision(client), 6);
        assert_int_equal(etcd_client_cluster_id(client), 7);
        assert_int_equal(n_changes, 1);
        assert_true(etcd_client_heard_at_ms(client) > 0);
        assert_int_equal(etcd_client_away_since_ms(client), 0);
}

/* A range is repeated at the next endpoint, and the owner is not told of the change. */
static void test_next_endpoint(void **state)
{
        EtcdExchange *exchange;

        make_serving(&(EtcdClientOptions){});
        start_range(NULL, false);
        exchange = script_find(ETCD_KV_RANGE, 1, KEY);
        assert_non_null(exchange);
        assert_int_equal(exchange->timeout_ms, 1000);
        assert_true(exchange->require_leader);
        script_reply(exchange, -ETIMEDOUT, 0, NULL);
        answer_probe(0, REPLY(7, 5));
        script_reply(script_await(event, ETCD_KV_RANGE, 0, KEY), 0, 200, REPLY(7, 5));
        assert_ended(0);
        assert_int_equal(n_changes, 1);
}

/* A txn is repeated after a failure only if it was not executed. */
static void test_txn(void **state)
{
        static const struct {
                int r;
                unsigned status;
                const char *body;
                bool repeated;
                int expected;
        } cases[] = {
                {-ETIMEDOUT, 0, NULL, false, ETCD_ERROR_OUTCOME_UNKNOWN},
                {-EPROTO, 0, NULL, false, ETCD_ERROR_OUTCOME_UNKNOWN},
                {-ENOLINK, 0, NULL, false, ETCD_ERROR_OUTCOME_UNKNOWN},
                {-ENOMEM, 0, NULL, false, ETCD_ERROR_OUTCOME_UNKNOWN},
                {-EMSGSIZE, 0, NULL, false, ETCD_ERROR_OUTCOME_UNKNOWN},
                {0, 503, TOLD(14, "etcdserver: request timed out"), false,
                 ETCD_ERROR_OUTCOME_UNKNOWN},
                {0, 200, "{}", false, ETCD_ERROR_OUTCOME_UNKNOWN},
                /* Without the reply of the put. */
                {0, 200,
                 "{\"header\":{\"cluster_id\":\"7\",\"revision\":\"6\"},\"succeeded\":true}", false,
                 ETCD_ERROR_OUTCOME_UNKNOWN},
                {0, 429, TOLD(8, "etcdserver: mvcc: database space exceeded"), false,
                 ETCD_ERROR_NO_SPACE},
                {0, 403, TOLD(7, "etcdserver: permission denied"), false, ETCD_ERROR_DENIED},
                {0, 400, TOLD(3, "etcdserver: too many operations in txn request"), false,
                 ETCD_ERROR_TOO_MANY_OPS},
                {-ECONNREFUSED, 0, NULL, true, 0},
                {-EKEYREJECTED, 0, NULL, true, 0},
                {-EACCES, 0, NULL, true, 0},
                {0, 503, TOLD(14, "etcdserver: no leader"), true, 0},
                {0, 429, TOLD(8, "etcdserver: too many requests"), true, 0},
        };

        make_serving(&(EtcdClientOptions){});
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                unsigned endpoint = 1;

                if (!etcd_client_endpoint(client, &endpoint)) {
                        answer_probe(1, REPLY(7, 6));
                        script_run_ready(event);
                        endpoint = 1;
                }
                start_txn(NULL);
                script_reply(script_await(event, ETCD_KV_TXN, endpoint, KEY), cases[i].r,
                             cases[i].status, cases[i].body);
                if (cases[i].repeated) {
                        answer_probe(0, REPLY(7, 6));
                        script_reply(script_await(event, ETCD_KV_TXN, 0, KEY), 0, 200, TXN_REPLY);
                }
                assert_ended(cases[i].expected);
                assert_null(script_find(ETCD_KV_TXN, 0, KEY));
        }
}

static void test_away_and_back(void **state)
{
        uint64_t before_ms = monotonic_ms();

        make_serving(&(EtcdClientOptions){});
        start_txn(NULL);
        script_reply(script_find(ETCD_KV_TXN, 1, KEY), -ECONNREFUSED, 0, NULL);
        fail_probe(0, -ECONNREFUSED);
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_SERVING);
        fail_probe(2, -ETIMEDOUT);
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_AWAY);
        script_run_ready(event);
        assert_int_equal(n_changes, 2);
        assert_in_range(etcd_client_away_since_ms(client), before_ms, monotonic_ms());
        assert_int_equal(etcd_client_away_reason(client), ETCD_ERROR_UNAVAILABLE);
        for (unsigned i = 0; i < 20; i++)
                fail_probe(i % 3, -ECONNREFUSED);
        assert_int_equal(n_ended, 0);
        answer_probe(1, REPLY(7, 5));
        script_reply(script_await(event, ETCD_KV_TXN, 1, KEY), 0, 200, TXN_REPLY);
        assert_ended(0);
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_SERVING);
        assert_int_equal(n_changes, 3);
        assert_int_equal(etcd_client_away_since_ms(client), 0);
        assert_int_equal(etcd_client_away_reason(client), 0);
}

/* Probes of a cluster that is away are quick, but not all. */
static void test_probe_deadlines(void **state)
{
        unsigned n_quick = 0, n_patient = 0;

        script_n_endpoints = 1;
        make_client(&(EtcdClientOptions){});
        fail_probe(0, -ETIMEDOUT);
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_AWAY);
        for (unsigned i = 0; i < 8; i++) {
                EtcdExchange *probe = script_await(event, ETCD_KV_RANGE, 0, PROBE);

                assert_true(probe->require_leader);
                *(probe->timeout_ms == 500 ? &n_quick : &n_patient) += 1;
                script_reply(probe, -ETIMEDOUT, 0, NULL);
        }
        assert_int_equal(n_quick, 6);
        assert_int_equal(n_patient, 2);
}

/* While no endpoint works, the deadline tells why. */
static void test_deadline(void **state)
{
        const EtcdCallOptions options = {.timeout_ms = 20};

        script_n_endpoints = 1;
        make_client(&(EtcdClientOptions){});
        start_txn(&options);
        assert_ended(ETCD_ERROR_UNAVAILABLE);
        script_reply(script_await(event, ETCD_KV_RANGE, 0, PROBE), 0, 503,
                     TOLD(14, "etcdserver: no leader"));
        start_range(&options, false);
        assert_ended(ETCD_ERROR_NO_LEADER);
        assert_int_equal(etcd_client_away_reason(client), ETCD_ERROR_NO_LEADER);
        fail_probe(0, -EACCES);
        start_range(&options, false);
        assert_ended(ETCD_ERROR_DENIED);
}

/* The transport does not keep its deadlines. */
static void test_hanging_transport(void **state)
{
        const EtcdCallOptions options = {.timeout_ms = 400};

        make_serving(&(EtcdClientOptions){.try_ms = 10});
        start_range(&options, false);
        answer_probe(2, REPLY(7, 5));
        script_reply(script_await(event, ETCD_KV_RANGE, 2, KEY), 0, 200, REPLY(7, 5));
        assert_ended(0);
        start_txn(&options);
        assert_ended(ETCD_ERROR_OUTCOME_UNKNOWN);
        /* Probes hang, too. */
        script_run_until(event, etcd_client_state(client) == ETCD_CLIENT_AWAY);
}

/* A try that is cut short by the deadline of the call says nothing of the endpoint. */
static void test_short_deadline(void **state)
{
        const EtcdCallOptions options = {.timeout_ms = 20};
        unsigned endpoint;

        make_serving(&(EtcdClientOptions){});
        start_range(&options, false);
        assert_true(script_find(ETCD_KV_RANGE, 1, KEY)->timeout_ms <= 20);
        script_reply(script_find(ETCD_KV_RANGE, 1, KEY), -ETIMEDOUT, 0, NULL);
        assert_true(etcd_client_endpoint(client, &endpoint));
        assert_ended(ETCD_ERROR_UNAVAILABLE);
}

static void test_other_cluster(void **state)
{
        make_serving(&(EtcdClientOptions){});
        start_range(NULL, false);
        script_reply(script_find(ETCD_KV_RANGE, 1, KEY), 0, 200, REPLY(8, 9));
        assert_ended(ETCD_ERROR_OTHER_CLUSTER);
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_OTHER_CLUSTER);
        assert_int_equal(n_changes, 2);
        start_txn(NULL);
        start_range(&(EtcdCallOptions){.pinned = true}, false);
        assert_null(script_exchanges);
        script_run_until(event, n_ended == 2);
        assert_int_equal(ended_r, ETCD_ERROR_OTHER_CLUSTER);
        n_ended = 0;
        etcd_client_accept_cluster(client);
        answer_probe(0, REPLY(8, 2));
        assert_int_equal(etcd_client_cluster_id(client), 8);
        assert_int_equal(etcd_client_revision(client), 2);
}

/* A cluster that is configured; and one that a probe finds, while calls wait. */
static void test_configured_cluster(void **state)
{
        make_client(&(EtcdClientOptions){.cluster_id = 9});
        start_txn(NULL);
        answer_probe(0, REPLY(7, 5));
        assert_ended(ETCD_ERROR_OTHER_CLUSTER);
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_OTHER_CLUSTER);
}

static void test_revision_went_back(void **state)
{
        EtcdExchange *exchange;

        make_serving(&(EtcdClientOptions){});
        /* A reply to an earlier request may have an older revision. */
        start_range(NULL, false);
        exchange = script_find(ETCD_KV_RANGE, 1, KEY);
        start_txn(NULL);
        script_reply(script_find(ETCD_KV_TXN, 1, KEY), 0, 200, TXN_REPLY);
        assert_ended(0);
        script_reply(exchange, 0, 200, REPLY(7, 5));
        assert_ended(0);
        /* A serializable range may have one as well. */
        start_range(NULL, true);
        exchange = script_find(ETCD_KV_RANGE, 1, KEY);
        assert_false(exchange->require_leader);
        script_reply(exchange, 0, 200, REPLY(7, 4));
        assert_ended(0);
        start_range(NULL, false);
        script_reply(script_find(ETCD_KV_RANGE, 1, KEY), 0, 200, REPLY(7, 5));
        assert_ended(ETCD_ERROR_REVISION_WENT_BACK);
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_REVISION_WENT_BACK);
        etcd_client_accept_cluster(client);
        answer_probe(1, REPLY(7, 5));
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_SERVING);
}

static void test_cancel(void **state)
{
        EtcdCall *call;

        make_serving(&(EtcdClientOptions){});
        call = start_range(NULL, false);
        (void) start_txn(NULL);
        assert_null(etcd_call_cancel(call));
        assert_null(script_find(ETCD_KV_RANGE, 1, KEY));
        assert_non_null(script_find(ETCD_KV_TXN, 1, KEY));
        client = etcd_client_free(client);
        assert_null(script_exchanges);
        assert_int_equal(n_ended, 0);
}

/* A transport that cannot send does not make the start function fail. */
static void test_start_fails(void **state)
{
        make_serving(&(EtcdClientOptions){});
        script_start_r = -ENOTCONN;
        start_txn(NULL);
        start_range(&(EtcdCallOptions){.pinned = true, .endpoint = 2}, false);
        assert_ended(ETCD_ERROR_UNAVAILABLE);
        script_run_until(event, etcd_client_state(client) == ETCD_CLIENT_AWAY);
        script_start_r = 0;
        answer_probe(0, REPLY(7, 5));
        script_reply(script_await(event, ETCD_KV_TXN, 0, KEY), 0, 200, TXN_REPLY);
        assert_ended(0);
}

static void test_no_endpoints_yet(void **state)
{
        script_n_endpoints = 0;
        make_client(&(EtcdClientOptions){.try_ms = 10});
        start_range(NULL, false);
        script_run_until(event, etcd_client_state(client) == ETCD_CLIENT_AWAY);
        script_n_endpoints = 1;
        answer_probe(0, REPLY(7, 5));
        script_reply(script_await(event, ETCD_KV_RANGE, 0, KEY), 0, 200, REPLY(7, 5));
        assert_ended(0);
        /* The transport restarts. */
        script_n_endpoints = 0;
        start_range(NULL, false);
        script_reply(script_find(ETCD_KV_RANGE, 0, KEY), -ENOLINK, 0, NULL);
        script_run_until(event, etcd_client_state(client) == ETCD_CLIENT_AWAY);
        script_n_endpoints = 2;
        etcd_client_endpoints_changed(client);
        answer_probe(1, REPLY(7, 5));
        script_reply(script_await(event, ETCD_KV_RANGE, 1, KEY), 0, 200, REPLY(7, 5));
        assert_ended(0);
}

/* Without a quorum, serializable ranges go to each endpoint in turn. */
static void test_serializable(void **state)
{
        make_client(&(EtcdClientOptions){});
        start_range(NULL, true);
        script_reply(script_await(event, ETCD_KV_RANGE, 0, KEY), -ETIMEDOUT, 0, NULL);
        script_reply(script_await(event, ETCD_KV_RANGE, 1, KEY), 0, 200, REPLY(7, 5));
        assert_ended(0);
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_STARTING);
}

static void test_heartbeat(void **state)
{
        make_serving(&(EtcdClientOptions){.heartbeat_ms = 10});
        answer_probe(1, REPLY(7, 5));
        script_reply(script_await(event, ETCD_KV_RANGE, 1, PROBE), -ETIMEDOUT, 0, NULL);
        fail_probe(0, -ETIMEDOUT);
        fail_probe(2, -ETIMEDOUT);
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_AWAY);
}

/* An answer of etcd to a probe that denies it: calls will tell. */
static void test_denied_probe(void **state)
{
        make_client(&(EtcdClientOptions){});
        script_reply(script_await(event, ETCD_KV_RANGE, 0, PROBE), 0, 403,
                     TOLD(7, "etcdserver: permission denied"));
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_SERVING);
}

static bool health_checked;

static void on_health(const EtcdHealth *health, void *userdata)
{
        health_checked = true;
        assert_int_equal(health->n_endpoints, 3);
        assert_int_equal(health->endpoints[0].error, 0);
        assert_string_equal(health->endpoints[0].status.version, "3.4.23");
        assert_true(health->endpoints[0].is_leader);
        assert_int_equal(health->endpoints[1].error, ETCD_ERROR_UNAVAILABLE);
        assert_false(health->endpoints[2].is_leader);
        assert_int_equal(health->leader, 1);
        assert_int_equal(health->n_members, 1);
        assert_string_equal(health->members[0].name, "n1");
        assert_true(health->no_space);
        assert_false(health->corrupt);
}

static void test_health(void **state)
{
        EtcdHealthCheck *check = NULL;

        health_checked = false;
        make_serving(&(EtcdClientOptions){});
        assert_int_equal(etcd_health_check_start(client, on_health, NULL, &check), 0);
        assert_null(etcd_health_check_cancel(check));
        assert_null(script_exchanges);
        assert_int_equal(etcd_health_check_start(client, on_health, NULL, &check), 0);
        script_reply(script_find(ETCD_MAINTENANCE_STATUS, 0, ""), 0, 200,
                     "{\"header\":{\"cluster_id\":\"7\",\"member_id\":\"1\"},\"version\":"
                     "\"3.4.23\",\"leader\":\"1\"}");
        script_reply(script_find(ETCD_MAINTENANCE_STATUS, 2, ""), 0, 200,
                     "{\"header\":{\"cluster_id\":\"7\",\"member_id\":\"2\"},\"leader\":\"1\"}");
        script_reply(script_find(ETCD_MEMBER_LIST, 1, ""), 0, 200,
                     "{\"header\":{\"cluster_id\":\"7\"},\"members\":[{\"ID\":\"1\",\"name\":"
                     "\"n1\"}]}");
        script_reply(script_find(ETCD_MAINTENANCE_ALARM, 1, ""), 0, 200,
                     "{\"alarms\":[{\"memberID\":\"1\",\"alarm\":\"NOSPACE\"}]}");
        assert_false(health_checked);
        script_reply(script_find(ETCD_MAINTENANCE_STATUS, 1, ""), -ECONNREFUSED, 0, NULL);
        assert_true(health_checked);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_choice),
                TEST(test_next_endpoint),
                TEST(test_txn),
                TEST(test_away_and_back),
                TEST(test_probe_deadlines),
                TEST(test_deadline),
                TEST(test_hanging_transport),
                TEST(test_short_deadline),
                TEST(test_other_cluster),
                TEST(test_configured_cluster),
                TEST(test_revision_went_back),
                TEST(test_cancel),
                TEST(test_start_fails),
                TEST(test_no_endpoints_yet),
                TEST(test_serializable),
                TEST(test_heartbeat),
                TEST(test_denied_probe),
                TEST(test_health),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

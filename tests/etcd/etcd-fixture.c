/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <stdio.h>

#include "daemon/etcd/etcd-health.h"
#include "tests/etcd/etcd-fixture.h"

sd_event *event;
EtcdCluster cluster;
CurlTransport *transport;
EtcdClient *client;
unsigned n_state_changes;

static void on_changed(EtcdClient *c, void *userdata)
{
        n_state_changes++;
}

void fixture_connect(const uint16_t *ports, unsigned n_ports)
{
        const EtcdClientOptions options = {.probe_key = ETCD_BYTES("a/"), .heartbeat_ms = 200};

        n_state_changes = 0;
        transport = curl_transport_new(event, ports, n_ports);
        assert_int_equal(etcd_client_new(event, curl_transport_get(transport), &options, on_changed,
                                         NULL, &client),
                         0);
}

void fixture_disconnect(void)
{
        client = etcd_client_free(client);
        transport = curl_transport_free(transport);
}

void fixture_start(unsigned n_members, const char *quota)
{
        assert_true(sd_event_new(&event) >= 0);
        etcd_cluster_start(&cluster, n_members, quota);
        fixture_connect(cluster.client_ports, n_members);
        run_until(etcd_client_state(client) == ETCD_CLIENT_SERVING);
}

int fixture_skip_all(void)
{
        puts("1..0 # SKIP etcd is not installed");
        return 0;
}

int set_up_one(void **state)
{
        fixture_start(1, NULL);
        return 0;
}

int set_up_three(void **state)
{
        fixture_start(3, NULL);
        return 0;
}

int tear_down(void **state)
{
        fixture_disconnect();
        event = sd_event_unref(event);
        etcd_cluster_stop(&cluster);
        return 0;
}

typedef struct TxnResult {
        bool ended;
        int r;
        bool succeeded;
        int64_t revision;
} TxnResult;

static void on_txn(int r, const EtcdReply *reply, void *userdata)
{
        *(TxnResult *) userdata = (TxnResult){
                .ended = true,
                .r = r,
                .succeeded = reply && reply->txn.succeeded,
                .revision = reply ? reply->header.revision : 0,
        };
}

int fixture_txn(const EtcdTxn *txn, bool *ret_succeeded, int64_t *ret_revision)
{
        const EtcdCallOptions options = {.timeout_ms = 10000};
        TxnResult result = {};
        EtcdCall *call;

        assert_int_equal(etcd_txn_start(client, txn, &options, on_txn, &result, &call), 0);
        run_until(result.ended);
        if (ret_succeeded)
                *ret_succeeded = result.succeeded;
        if (ret_revision)
                *ret_revision = result.revision;
        return result.r;
}

int fixture_put(const char *key, const char *value, int64_t *ret_revision)
{
        const EtcdOp op = {
                .kind = ETCD_OP_PUT,
                .put = {.key = {key, strlen(key)}, .value = {value, strlen(value)}},
        };

        return fixture_txn(&(EtcdTxn){.success = &op, .n_success = 1}, NULL, ret_revision);
}

int64_t fixture_put_surely(const char *key, const char *value)
{
        int64_t revision;

        for (unsigned i = 0; fixture_put(key, value, &revision) != 0; i++)
                assert_true(i < 20);
        return revision;
}

void fixture_compact(int64_t revision)
{
        char body[64];

        snprintf(body, sizeof(body), "{\"revision\":\"%" PRId64 "\"}", revision);
        assert_int_equal(curl_transport_post(cluster.client_ports[0], "/v3/kv/compaction", body),
                         200);
}

static void on_health(const EtcdHealth *health, void *userdata)
{
        unsigned *leader = userdata;

        *leader = cluster.n_members;
        for (unsigned i = 0; i < health->n_endpoints; i++)
                if (health->endpoints[i].is_leader)
                        *leader = i;
}

unsigned fixture_leader(void)
{
        EtcdHealthCheck *check;
        unsigned leader;

        for (unsigned i = 0; i < 100; i++) {
                leader = UINT32_MAX;
                assert_int_equal(etcd_health_check_start(client, on_health, &leader, &check), 0);
                run_until(leader != UINT32_MAX);
                if (leader < cluster.n_members)
                        return leader;
        }
        fail_msg("there is no leader");
        return 0;
}

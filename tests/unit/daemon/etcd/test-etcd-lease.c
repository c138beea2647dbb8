/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/etcd/etcd-lease.h"
#include "tests/unit/daemon/etcd/scripted-transport.h"
#include "tests/unit/test.h"

/* "probe" in base64. */
#define PROBE "cHJvYmU="

#define HEADER  "\"header\":{\"cluster_id\":\"7\",\"revision\":\"5\"}"
#define GRANTED "{" HEADER ",\"ID\":\"77\",\"TTL\":\"1\"}"
#define KEPT    "{\"result\":" GRANTED "}"
#define EXPIRED "{\"result\":{" HEADER ",\"ID\":\"77\"}}"

static sd_event *event;
static EtcdClient *client;
static EtcdLease *lease;
static unsigned n_changes;
static int last_error;

static void on_changed(EtcdLease *l, int error, void *userdata)
{
        n_changes++;
        last_error = error;
}

static int set_up(void **state)
{
        const EtcdClientOptions options = {.probe_key = ETCD_BYTES("probe")};

        script_reset();
        n_changes = 0;
        if (sd_event_new(&event) < 0 ||
            etcd_client_new(event, &script_transport, &options, NULL, NULL, &client) < 0 ||
            etcd_lease_new(client, 1, on_changed, NULL, &lease) < 0)
                return -1;
        assert_int_equal(etcd_lease_state(lease), ETCD_LEASE_GRANTING);
        script_reply(script_await(event, ETCD_KV_RANGE, 0, PROBE), 0, 200, "{" HEADER "}");
        return 0;
}

static int tear_down(void **state)
{
        lease = etcd_lease_free(lease);
        client = etcd_client_free(client);
        event = sd_event_unref(event);
        script_reset();
        return 0;
}

static void grant(void)
{
        script_reply(script_await(event, ETCD_LEASE_GRANT, 0, "{\"TTL\":\"1\"}"), 0, 200, GRANTED);
        assert_int_equal(etcd_lease_state(lease), ETCD_LEASE_HELD);
        assert_int_equal(etcd_lease_id(lease), 77);
        assert_int_equal(n_changes, 1);
        assert_true(etcd_lease_expires_at_ms(lease) > monotonic_ms());
}

static EtcdExchange *await_keepalive(void)
{
        return script_await(event, ETCD_LEASE_KEEPALIVE, 0, "{\"ID\":\"77\"}");
}

static void test_kept_alive(void **state)
{
        uint64_t expires_at_ms;

        grant();
        expires_at_ms = etcd_lease_expires_at_ms(lease);
        for (unsigned i = 0; i < 3; i++)
                script_reply(await_keepalive(), 0, 200, KEPT);
        assert_int_equal(n_changes, 1);
        assert_in_range(etcd_lease_expires_at_ms(lease), expires_at_ms + 900, UINT64_MAX);
        lease = etcd_lease_free(lease);
        script_reply(script_await(event, ETCD_LEASE_REVOKE, 0, "{\"ID\":\"77\"}"), 0, 200,
                     "{" HEADER "}");
        assert_int_equal(n_changes, 1);
}

static void test_expired(void **state)
{
        grant();
        script_reply(await_keepalive(), 0, 200, EXPIRED);
        assert_int_equal(etcd_lease_state(lease), ETCD_LEASE_LOST);
        assert_int_equal(n_changes, 2);
        assert_null(script_exchanges);
}

/* No reply before the lease may expire. */
static void test_silence(void **state)
{
        grant();
        (void) await_keepalive();
        script_run_until(event, etcd_lease_state(lease) == ETCD_LEASE_LOST);
        assert_true(monotonic_ms() >= etcd_lease_expires_at_ms(lease));
        assert_null(script_find(ETCD_LEASE_KEEPALIVE, 0, ""));
}

static void test_not_granted(void **state)
{
        script_reply(script_await(event, ETCD_LEASE_GRANT, 0, ""), 0, 403,
                     "{\"code\":7,\"message\":\"etcdserver: permission denied\"}");
        assert_int_equal(etcd_lease_state(lease), ETCD_LEASE_FAILED);
        assert_int_equal(last_error, 1004);
        assert_int_equal(n_changes, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_kept_alive),
                TEST(test_expired),
                TEST(test_silence),
                TEST(test_not_granted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

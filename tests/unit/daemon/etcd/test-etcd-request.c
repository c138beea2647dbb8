/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/etcd/etcd-request.h"
#include "tests/unit/test.h"

static void assert_request(int r, char **text, const char *expected)
{
        assert_int_equal(r, 0);
        assert_string_equal(*text, expected);
        free(*text);
}

static void test_range(void **state)
{
        EtcdRange range = {.key = ETCD_BYTES("a")};
        char *text = NULL;

        assert_request(etcd_request_range(&range, &text), &text, "{\"key\":\"YQ==\"}");
        range = (EtcdRange){
                .key = ETCD_BYTES("a"),
                .range_end = ETCD_BYTES("b\0"),
                .limit = 10,
                .revision = INT64_MAX,
                .serializable = true,
                .keys_only = true,
                .count_only = true,
        };
        assert_request(etcd_request_range(&range, &text), &text,
                       "{\"key\":\"YQ==\",\"range_end\":\"YgA=\",\"limit\":\"10\","
                       "\"revision\":\"9223372036854775807\",\"serializable\":true,"
                       "\"keys_only\":true,\"count_only\":true}");
}

static void test_txn(void **state)
{
        const EtcdCompare compares[] = {
                {.target = ETCD_COMPARE_CREATE, .key = ETCD_BYTES("a")},
                {.target = ETCD_COMPARE_MOD,
                 .result = ETCD_COMPARE_LESS,
                 .key = ETCD_BYTES("a"),
                 .range_end = ETCD_BYTES("b"),
                 .number = 7},
                {.target = ETCD_COMPARE_VERSION,
                 .result = ETCD_COMPARE_GREATER,
                 .key = ETCD_BYTES("a"),
                 .number = 1},
                {.target = ETCD_COMPARE_VALUE,
                 .result = ETCD_COMPARE_NOT_EQUAL,
                 .key = ETCD_BYTES("a"),
                 .value = ETCD_BYTES("v")},
        };
        const EtcdOp nested_ops[] = {
                {.kind = ETCD_OP_PUT, .put = {.key = ETCD_BYTES("a"), .value = ETCD_BYTES("v")}},
        };
        const EtcdTxn nested = {.success = nested_ops, .n_success = 1};
        const EtcdOp success[] = {
                {.kind = ETCD_OP_PUT, .put = {.key = ETCD_BYTES("a"), .lease = 5, .prev_kv = true}},
                {.kind = ETCD_OP_TXN, .txn = &nested},
        };
        const EtcdOp failure[] = {
                {.kind = ETCD_OP_RANGE, .range = {.key = ETCD_BYTES("a")}},
                {.kind = ETCD_OP_DELETE,
                 .delete_range = {.key = ETCD_BYTES("a"),
                                  .range_end = ETCD_BYTES("b"),
                                  .prev_kv = true}},
        };
        const EtcdTxn txn = {compares, 4, success, 2, failure, 2};
        char *text = NULL;

        assert_request(
                etcd_request_txn(&txn, &text), &text,
                "{\"compare\":["
                "{\"target\":\"CREATE\",\"result\":\"EQUAL\",\"key\":\"YQ==\","
                "\"create_revision\":\"0\"},"
                "{\"target\":\"MOD\",\"result\":\"LESS\",\"key\":\"YQ==\",\"range_end\":\"Yg==\","
                "\"mod_revision\":\"7\"},"
                "{\"target\":\"VERSION\",\"result\":\"GREATER\",\"key\":\"YQ==\","
                "\"version\":\"1\"},"
                "{\"target\":\"VALUE\",\"result\":\"NOT_EQUAL\",\"key\":\"YQ==\","
                "\"value\":\"dg==\"}],"
                "\"success\":["
                "{\"request_put\":{\"key\":\"YQ==\",\"lease\":\"5\",\"prev_kv\":true}},"
                "{\"request_txn\":{\"success\":[{\"request_put\":{\"key\":\"YQ==\","
                "\"value\":\"dg==\"}}]}}],"
                "\"failure\":["
                "{\"request_range\":{\"key\":\"YQ==\"}},"
                "{\"request_delete_range\":{\"key\":\"YQ==\",\"range_end\":\"Yg==\","
                "\"prev_kv\":true}}]}");
}

static void test_others(void **state)
{
        const EtcdWatchCreate create = {
                .key = ETCD_BYTES("a"),
                .range_end = ETCD_BYTES("b"),
                .start_revision = 5,
                .progress_notify = true,
                .prev_kv = true,
                .fragment = true,
        };
        char *text = NULL;

        assert_request(etcd_request_watch(&create, &text), &text,
                       "{\"create_request\":{\"key\":\"YQ==\",\"range_end\":\"Yg==\","
                       "\"start_revision\":\"5\",\"progress_notify\":true,\"prev_kv\":true,"
                       "\"fragment\":true}}");
        assert_request(etcd_request_lease_grant(10, &text), &text, "{\"TTL\":\"10\"}");
        assert_request(etcd_request_lease(INT64_MAX, &text), &text,
                       "{\"ID\":\"9223372036854775807\"}");
        assert_request(etcd_request_alarms(&text), &text, "{\"action\":\"GET\"}");
        assert_request(etcd_request_empty(&text), &text, "{}");
}

static void assert_prefix_end(const char *prefix, size_t len, const char *end, size_t end_len)
{
        uint8_t buffer[8];
        EtcdBytes bytes = etcd_prefix_end((EtcdBytes){prefix, len}, buffer);

        assert_int_equal(bytes.len, end_len);
        assert_memory_equal(bytes.data, end, end_len);
}

static void test_prefix_end(void **state)
{
        assert_prefix_end("a/", 2, "a0", 2);
        assert_prefix_end("a\xff", 2, "b", 1);
        assert_prefix_end("a\xff\xff", 3, "b", 1);
        assert_prefix_end("\0", 1, "\1", 1);
        assert_prefix_end("\xff\xff", 2, "\0", 1);
}

static void test_limits(void **state)
{
        static EtcdOp ops[ETCD_TXN_OPS_MAX + 1];
        static const char large[ETCD_REQUEST_LEN_MAX / 4 * 3];
        EtcdTxn txns[ETCD_TXN_DEPTH_MAX + 1] = {};
        EtcdOp nested[ETCD_TXN_DEPTH_MAX];
        EtcdTxn txn = {.success = ops, .n_success = ETCD_TXN_OPS_MAX};
        EtcdRange range = {.key = {large, sizeof(large)}};
        char *text = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
                ops[i] = (EtcdOp){.kind = ETCD_OP_PUT, .put = {.key = ETCD_BYTES("a")}};
        assert_int_equal(etcd_request_txn(&txn, &text), 0);
        free(text);
        txn.n_success++;
        assert_int_equal(etcd_request_txn(&txn, &text), -E2BIG);

        assert_int_equal(etcd_request_range(&range, &text), -E2BIG);
        range.key.len = SIZE_MAX / 2;
        assert_int_equal(etcd_request_range(&range, &text), -E2BIG);
        range.key.len = sizeof(large) - 64;
        assert_int_equal(etcd_request_range(&range, &text), 0);
        free(text);

        for (size_t i = 0; i < ETCD_TXN_DEPTH_MAX; i++) {
                nested[i] = (EtcdOp){.kind = ETCD_OP_TXN, .txn = txns + i + 1};
                txns[i] = (EtcdTxn){.success = nested + i, .n_success = 1};
        }
        assert_int_equal(etcd_request_txn(txns + 1, &text), 0);
        free(text);
        assert_int_equal(etcd_request_txn(txns, &text), -E2BIG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_range),  cmocka_unit_test(test_txn),
                cmocka_unit_test(test_others), cmocka_unit_test(test_prefix_end),
                cmocka_unit_test(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/etcd/etcd-error.h"
#include "daemon/etcd/etcd-reply.h"
#include "daemon/etcd/etcd-txn-shape.h"
#include "tests/unit/test.h"

#define IDS    "\"cluster_id\":\"18446744073709551615\",\"member_id\":\"2\",\"raft_term\":\"3\""
#define HEADER "\"header\":{" IDS ",\"revision\":\"9\"}"
#define KV \
        "{\"key\":\"YS8x\",\"create_revision\":\"2\",\"mod_revision\":\"3\",\"version\":\"2\"," \
        "\"value\":\"eDI=\",\"lease\":\"7\"}"

static EtcdReply reply;

static int decode(EtcdReplyKind kind, const char *body)
{
        return etcd_reply_decode(kind, body, strlen(body), &reply);
}

static int tear_down(void **state)
{
        etcd_reply_clear(&reply);
        return 0;
}

static void assert_bytes(EtcdBytes bytes, const char *expected)
{
        assert_int_equal(bytes.len, strlen(expected));
        assert_string_equal(bytes.data, expected);
}

static void assert_kv(const EtcdKv *kv)
{
        assert_bytes(kv->key, "a/1");
        assert_bytes(kv->value, "x2");
        assert_int_equal(kv->create_revision, 2);
        assert_int_equal(kv->mod_revision, 3);
        assert_int_equal(kv->version, 2);
        assert_int_equal(kv->lease, 7);
}

static void test_range(void **state)
{
        assert_int_equal(decode(ETCD_REPLY_RANGE, "{" HEADER ",\"kvs\":[" KV "],\"more\":true,"
                                                  "\"count\":\"5\",\"unknown\":[]}"),
                         0);
        assert_true(reply.header.cluster_id == UINT64_MAX);
        assert_int_equal(reply.header.member_id, 2);
        assert_int_equal(reply.header.revision, 9);
        assert_int_equal(reply.header.raft_term, 3);
        assert_int_equal(reply.range.n_kvs, 1);
        assert_true(reply.range.more);
        assert_int_equal(reply.range.count, 5);
        assert_kv(reply.range.kvs);
        etcd_reply_clear(&reply);
        assert_int_equal(decode(ETCD_REPLY_RANGE, "{" HEADER ",\"kvs\":null}"), 0);
        assert_int_equal(reply.range.n_kvs, 0);
}

static void test_txn(void **state)
{
        const EtcdTxnReply *txn;

        assert_int_equal(
                decode(ETCD_REPLY_TXN,
                       "{" HEADER ",\"succeeded\":true,\"responses\":["
                       "{\"response_put\":{\"header\":{\"revision\":\"9\"},\"prev_kv\":" KV "}},"
                       "{\"response_delete_range\":{\"deleted\":\"1\",\"prev_kvs\":[" KV "]}},"
                       "{\"response_range\":{\"kvs\":[" KV "],\"count\":\"1\"}},"
                       "{\"response_txn\":{\"header\":{},\"responses\":[{\"response_put\":{}}]}}"
                       "]}"),
                0);
        txn = &reply.txn;
        assert_true(txn->succeeded);
        assert_int_equal(txn->n_replies, 4);
        assert_int_equal(txn->replies[0].kind, ETCD_OP_PUT);
        assert_kv(txn->replies[0].put.prev_kv);
        assert_int_equal(txn->replies[1].delete_range.deleted, 1);
        assert_kv(txn->replies[1].delete_range.prev_kvs);
        assert_kv(txn->replies[2].range.kvs);
        assert_int_equal(txn->replies[3].kind, ETCD_OP_TXN);
        assert_false(txn->replies[3].txn.succeeded);
        assert_null(txn->replies[3].txn.replies[0].put.prev_kv);
}

static void test_others(void **state)
{
        assert_int_equal(decode(ETCD_REPLY_LEASE_GRANT, "{" HEADER ",\"ID\":\"5\",\"TTL\":\"10\"}"),
                         0);
        assert_int_equal(reply.lease.id, 5);
        assert_int_equal(reply.lease.ttl_s, 10);
        assert_int_equal(
                decode(ETCD_REPLY_LEASE_KEEPALIVE, "{\"result\":{" HEADER ",\"ID\":\"5\"}}\n"), 0);
        assert_int_equal(reply.lease.ttl_s, 0);
        assert_int_equal(decode(ETCD_REPLY_LEASE_REVOKE, "{" HEADER "}"), 0);
        assert_int_equal(
                decode(ETCD_REPLY_STATUS,
                       "{" HEADER ",\"version\":\"3.4.23\",\"dbSize\":\"20480\",\"leader\":\"2\","
                       "\"dbSizeInUse\":\"16384\",\"errors\":[\"etcdserver: no leader\"]}"),
                0);
        assert_string_equal(reply.status.version, "3.4.23");
        assert_int_equal(reply.status.db_size, 20480);
        assert_int_equal(reply.status.db_size_in_use, 16384);
        assert_int_equal(reply.status.leader, 2);
        assert_true(reply.status.has_errors);
        etcd_reply_clear(&reply);
        assert_int_equal(decode(ETCD_REPLY_ALARMS, "{}"), 0);
        assert_int_equal(reply.alarms.n_alarms, 0);
        etcd_reply_clear(&reply);
        assert_int_equal(decode(ETCD_REPLY_ALARMS,
                                "{" HEADER ",\"alarms\":[{\"memberID\":\"2\",\"alarm\":"
                                "\"NOSPACE\"},{\"alarm\":\"NEW\"},{}]}"),
                         0);
        assert_int_equal(reply.alarms.alarms[0].member_id, 2);
        assert_int_equal(reply.alarms.alarms[0].kind, ETCD_ALARM_NOSPACE);
        assert_int_equal(reply.alarms.alarms[1].kind, ETCD_ALARM_OTHER);
        assert_int_equal(reply.alarms.alarms[2].kind, ETCD_ALARM_NONE);
        etcd_reply_clear(&reply);
        assert_int_equal(decode(ETCD_REPLY_MEMBERS,
                                "{\"header\":{" IDS "},\"members\":[{\"ID\":\"2\",\"name\":"
                                "\"n1\",\"isLearner\":true},{\"ID\":\"3\",\"name\":\"\\u0001\"}]}"),
                         0);
        assert_string_equal(reply.members.members[0].name, "n1");
        assert_true(reply.members.members[0].is_learner);
        assert_string_equal(reply.members.members[1].name, "");
}

static void test_malformed(void **state)
{
        static const struct {
                EtcdReplyKind kind;
                const char *body;
        } cases[] = {
                {ETCD_REPLY_RANGE, ""},
                {ETCD_REPLY_RANGE, "<html>"},
                {ETCD_REPLY_RANGE, "[]"},
                {ETCD_REPLY_RANGE, "{}"},
                {ETCD_REPLY_RANGE, "{\"header\":[]}"},
                {ETCD_REPLY_RANGE, "{\"header\":{" IDS "}}"},
                {ETCD_REPLY_RANGE, "{\"header\":{\"cluster_id\":\"0\",\"revision\":\"1\"}}"},
                {ETCD_REPLY_RANGE, "{\"header\":{\"cluster_id\":\"1\",\"revision\":\"-1\"}}"},
                {ETCD_REPLY_RANGE, "{\"header\":{\"cluster_id\":\"1\",\"revision\":-1}}"},
                {ETCD_REPLY_RANGE, "{\"header\":{\"cluster_id\":\"1\",\"revision\":1.5}}"},
                {ETCD_REPLY_RANGE, "{\"header\":{\"cluster_id\":\"1\",\"revision\":\"01\"}}"},
                {ETCD_REPLY_RANGE, "{\"header\":{\"cluster_id\":\"1\",\"revision\":\"\"}}"},
                {ETCD_REPLY_RANGE, "{\"header\":{\"cluster_id\":\"1\",\"revision\":\" 1\"}}"},
                {ETCD_REPLY_RANGE,
                 "{\"header\":{\"cluster_id\":\"1\",\"revision\":\"9223372036854775808\"}}"},
                {ETCD_REPLY_RANGE,
                 "{\"header\":{\"cluster_id\":\"18446744073709551616\",\"revision\":\"1\"}}"},
                {ETCD_REPLY_RANGE, "{" HEADER ",\"kvs\":{}}"},
                {ETCD_REPLY_RANGE, "{" HEADER ",\"kvs\":[1],\"count\":\"1\"}"},
                {ETCD_REPLY_RANGE, "{" HEADER ",\"kvs\":[" KV "]}"},
                {ETCD_REPLY_RANGE, "{" HEADER ",\"more\":true}"},
                {ETCD_REPLY_RANGE, "{" HEADER ",\"more\":1}"},
                {ETCD_REPLY_RANGE,
                 "{" HEADER ",\"kvs\":[{\"key\":\"YQ\",\"mod_revision\":\"1\"}],\"count\":\"1\"}"},
                {ETCD_REPLY_RANGE,
                 "{" HEADER ",\"kvs\":[{\"key\":1,\"mod_revision\":\"1\"}],\"count\":\"1\"}"},
                {ETCD_REPLY_RANGE,
                 "{" HEADER ",\"kvs\":[{\"value\":\"YQ==\",\"mod_revision\":\"1\"}],"
                 "\"count\":\"1\"}"},
                {ETCD_REPLY_RANGE, "{" HEADER ",\"kvs\":[{\"key\":\"YQ==\"}],\"count\":\"1\"}"},
                {ETCD_REPLY_TXN, "{" HEADER ",\"succeeded\":\"true\"}"},
                {ETCD_REPLY_TXN, "{" HEADER ",\"responses\":[{}]}"},
                {ETCD_REPLY_TXN, "{" HEADER ",\"responses\":[{\"response_put\":{},"
                                 "\"response_range\":{}}]}"},
                {ETCD_REPLY_TXN, "{" HEADER ",\"responses\":[{\"response_put\":[]}]}"},
                {ETCD_REPLY_TXN,
                 "{" HEADER ",\"responses\":[{\"response_put\":{\"prev_kv\":{}}}]}"},
                {ETCD_REPLY_LEASE_GRANT, "{" HEADER ",\"ID\":\"5\"}"},
                {ETCD_REPLY_LEASE_GRANT, "{" HEADER ",\"TTL\":\"5\"}"},
                {ETCD_REPLY_LEASE_KEEPALIVE, "{" HEADER ",\"ID\":\"5\",\"TTL\":\"5\"}"},
                {ETCD_REPLY_ALARMS, "{\"alarms\":1}"},
                {ETCD_REPLY_MEMBERS, "{" HEADER "}"},
                {ETCD_REPLY_MEMBERS, "{" HEADER ",\"members\":[{\"name\":\"a\"}]}"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                if (decode(cases[i].kind, cases[i].body) != ETCD_ERROR_MALFORMED)
                        fail_msg("%s", cases[i].body);
        }
}

static void test_deep_txn(void **state)
{
        char body[2048] = "{" HEADER;

        for (unsigned i = 0; i < ETCD_TXN_DEPTH_MAX; i++)
                strcat(body, ",\"responses\":[{\"response_txn\":{\"succeeded\":true");
        for (unsigned i = 0; i < ETCD_TXN_DEPTH_MAX; i++)
                strcat(body, "}}]");
        strcat(body, "}");
        assert_int_equal(decode(ETCD_REPLY_TXN, body), ETCD_ERROR_MALFORMED);
}

static int decode_watch(const char *line, EtcdWatchReply *ret)
{
        return etcd_watch_reply_decode(line, strlen(line), ret);
}

static void test_watch(void **state)
{
        EtcdWatchReply watch;

        assert_int_equal(decode_watch("{\"result\":{" HEADER ",\"created\":true}}", &watch), 0);
        assert_true(watch.created && !watch.canceled && !etcd_watch_reply_is_progress(&watch));
        etcd_watch_reply_clear(&watch);
        assert_int_equal(decode_watch("{\"result\":{" HEADER "}}", &watch), 0);
        assert_true(etcd_watch_reply_is_progress(&watch));
        etcd_watch_reply_clear(&watch);
        assert_int_equal(decode_watch("{\"result\":{" HEADER ",\"canceled\":true,"
                                      "\"compact_revision\":\"4\"}}",
                                      &watch),
                         0);
        assert_true(watch.canceled);
        assert_int_equal(watch.compact_revision, 4);
        assert_string_equal(watch.cancel_reason, "");
        etcd_watch_reply_clear(&watch);
        assert_int_equal(
                decode_watch("{\"result\":{" HEADER ",\"events\":[{\"kv\":" KV "},"
                             "{\"type\":\"DELETE\",\"kv\":{\"key\":\"YQ==\",\"mod_revision\":"
                             "\"4\"},\"prev_kv\":" KV "}]}}",
                             &watch),
                0);
        assert_int_equal(watch.n_events, 2);
        assert_false(watch.events[0].is_delete);
        assert_kv(&watch.events[0].kv);
        assert_true(watch.events[1].is_delete);
        assert_bytes(watch.events[1].kv.key, "a");
        assert_kv(watch.events[1].prev_kv);
        etcd_watch_reply_clear(&watch);
}

static void test_watch_errors(void **state)
{
        static const struct {
                const char *line;
                int r;
        } cases[] = {
                {"{}", ETCD_ERROR_MALFORMED},
                {"{\"result\":{}}", ETCD_ERROR_MALFORMED},
                {"{\"result\":{" HEADER ",\"events\":[{}]}}", ETCD_ERROR_MALFORMED},
                {"{\"result\":{" HEADER ",\"events\":[{\"type\":\"NEW\",\"kv\":" KV "}]}}",
                 ETCD_ERROR_MALFORMED},
                {"{\"result\":{" HEADER ",\"events\":[{\"kv\":{\"key\":\"YQ==\","
                 "\"mod_revision\":\"4\"}},{\"kv\":" KV "}]}}",
                 ETCD_ERROR_MALFORMED},
                {"{\"result\":{" HEADER ",\"events\":[{\"kv\":{\"key\":\"YQ==\","
                 "\"mod_revision\":\"10\"}}]}}",
                 ETCD_ERROR_MALFORMED},
                {"{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":"
                 "\"etcdserver: no leader\"}}",
                 ETCD_ERROR_NO_LEADER},
                {"{\"error\":{\"code\":16,\"message\":\"etcdserver: invalid auth token\"}}",
                 ETCD_ERROR_DENIED},
                {"{\"error\":{}}", ETCD_ERROR_UNAVAILABLE},
                {"{\"error\":\"etcdserver: user name is empty\",\"code\":3,\"message\":"
                 "\"etcdserver: user name is empty\"}",
                 ETCD_ERROR_DENIED},
                {"{\"error\":1}", ETCD_ERROR_MALFORMED},
        };
        EtcdWatchReply watch;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                if (decode_watch(cases[i].line, &watch) != cases[i].r)
                        fail_msg("%s", cases[i].line);
        }
}

static void test_shape(void **state)
{
        const EtcdOp put = {.kind = ETCD_OP_PUT}, get = {.kind = ETCD_OP_RANGE};
        const EtcdTxn nested = {.success = &get, .n_success = 1, .failure = &put, .n_failure = 1};
        const EtcdOp ops[] = {{.kind = ETCD_OP_TXN, .txn = &nested}, put};
        const EtcdTxn txn = {.success = ops, .n_success = 2, .failure = &get, .n_failure = 1};
        const EtcdTxn nested_get = {.success = ops, .n_success = 1, .failure = &get};
        EtcdOpReply inner = {.kind = ETCD_OP_RANGE};
        EtcdOpReply replies[] = {
                {.kind = ETCD_OP_TXN,
                 .txn = {.succeeded = true, .replies = &inner, .n_replies = 1}},
                {.kind = ETCD_OP_PUT},
        };
        EtcdTxnReply told = {.succeeded = true, .replies = replies, .n_replies = 2};
        EtcdTxnShape *shape = NULL;

        assert_int_equal(etcd_txn_shape_new(&txn, &shape), 0);
        assert_true(etcd_txn_shape_fits(shape, &told));
        told.n_replies = 1;
        assert_false(etcd_txn_shape_fits(shape, &told));
        told.n_replies = 2;
        replies[1].kind = ETCD_OP_DELETE;
        assert_false(etcd_txn_shape_fits(shape, &told));
        replies[1].kind = ETCD_OP_PUT;
        replies[0].txn.succeeded = false;
        assert_false(etcd_txn_shape_fits(shape, &told));
        inner.kind = ETCD_OP_PUT;
        assert_true(etcd_txn_shape_fits(shape, &told));
        told = (EtcdTxnReply){.replies = &inner, .n_replies = 1};
        assert_false(etcd_txn_shape_fits(shape, &told));
        inner.kind = ETCD_OP_RANGE;
        assert_true(etcd_txn_shape_fits(shape, &told));
        free(shape);
        assert_false(etcd_txn_is_read_only(&txn));
        assert_false(etcd_txn_is_read_only(&nested_get));
        assert_true(etcd_txn_is_read_only(&(EtcdTxn){.success = &get, .n_success = 1}));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_range),        TEST(test_txn),      TEST(test_others),
                TEST(test_malformed),    TEST(test_deep_txn), TEST(test_watch),
                TEST(test_watch_errors), TEST(test_shape),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

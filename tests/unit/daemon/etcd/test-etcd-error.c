/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/etcd/etcd-error.h"
#include "tests/unit/test.h"

static EtcdFailure failure_of(int r, unsigned status, const char *body)
{
        EtcdFailure failure = {};

        assert_true(etcd_failure_of_reply(r, status, body, body ? strlen(body) : 0, &failure));
        return failure;
}

#define TOLD(code, text) "{\"error\":\"" text "\",\"message\":\"" text "\",\"code\":" #code "}"

/* Bodies as etcd 3.4 sends them. `executed` matters most: it decides whether a txn is repeated. */
static void test_replies(void **state)
{
        static const struct {
                unsigned status;
                const char *body;
                EtcdFailure failure;
        } cases[] = {
                {503,
                 TOLD(14, "etcdserver: request timed out"),
                 {ETCD_ERROR_UNAVAILABLE, true, true}},
                {503, TOLD(14, "etcdserver: no leader"), {ETCD_ERROR_NO_LEADER, false, true}},
                {503, TOLD(14, "etcdserver: leader changed"), {ETCD_ERROR_UNAVAILABLE, true, true}},
                {503, TOLD(14, "etcdserver: server stopped"), {ETCD_ERROR_UNAVAILABLE, true, true}},
                {429, TOLD(8, "etcdserver: mvcc: database space exceeded"), {ETCD_ERROR_NO_SPACE}},
                {429,
                 TOLD(8, "etcdserver: too many requests"),
                 {ETCD_ERROR_UNAVAILABLE, false, true}},
                {429,
                 TOLD(8, "grpc: trying to send message larger than max (3 vs. 2)"),
                 {ETCD_ERROR_TOO_LARGE}},
                {429,
                 TOLD(8, "grpc: received message larger than max (3 vs. 2)"),
                 {ETCD_ERROR_TOO_LARGE, true, false}},
                {400, TOLD(3, "etcdserver: request is too large"), {ETCD_ERROR_TOO_LARGE}},
                {400,
                 TOLD(3, "etcdserver: too many operations in txn request"),
                 {ETCD_ERROR_TOO_MANY_OPS}},
                {400,
                 TOLD(3, "etcdserver: duplicate key given in txn request"),
                 {ETCD_ERROR_REFUSED}},
                {400, TOLD(3, "etcdserver: user name is empty"), {ETCD_ERROR_DENIED}},
                {403, TOLD(7, "etcdserver: permission denied"), {ETCD_ERROR_DENIED}},
                {401, TOLD(16, "etcdserver: invalid auth token"), {ETCD_ERROR_DENIED, false, true}},
                {400,
                 TOLD(11, "etcdserver: mvcc: required revision has been compacted"),
                 {ETCD_ERROR_COMPACTED}},
                {400,
                 TOLD(11, "etcdserver: mvcc: required revision is a future revision"),
                 {ETCD_ERROR_UNAVAILABLE, false, true}},
                {404,
                 TOLD(5, "etcdserver: requested lease not found"),
                 {ETCD_ERROR_LEASE_NOT_FOUND}},
                {500, TOLD(13, "internal"), {ETCD_ERROR_UNAVAILABLE, true, true}},
                {503,
                 "{\"code\":14,\"message\":\"etcdserver: no leader\",\"details\":[]}",
                 {ETCD_ERROR_NO_LEADER, false, true}},
                {404, "404 page not found", {ETCD_ERROR_MALFORMED, true, true}},
                {502, "<html>", {ETCD_ERROR_MALFORMED, true, true}},
                {201, "{}", {ETCD_ERROR_MALFORMED, true, true}},
                {503, "{\"code\":\"14\"}", {ETCD_ERROR_MALFORMED, true, true}},
                {503, "{\"code\":14,\"message\":7}", {ETCD_ERROR_UNAVAILABLE, true, true}},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                EtcdFailure failure = failure_of(0, cases[i].status, cases[i].body);

                if (failure.error != cases[i].failure.error ||
                    failure.executed != cases[i].failure.executed ||
                    failure.transient != cases[i].failure.transient)
                        fail_msg("%s", cases[i].body);
        }
}

static void test_transport(void **state)
{
        static const int certain[] = {-ECONNREFUSED, -EHOSTUNREACH, -EKEYREJECTED, -EACCES,
                                      -ENOKEY,       -ENOENT,       -ENOTCONN};
        static const int uncertain[] = {-ETIMEDOUT, -EMSGSIZE, -EPROTO, -EIO, -ENOLINK, -ENOMEM};

        for (size_t i = 0; i < ARRAY_SIZE(certain); i++) {
                assert_false(failure_of(certain[i], 0, NULL).executed);
                assert_true(failure_of(certain[i], 0, NULL).transient);
        }
        for (size_t i = 0; i < ARRAY_SIZE(uncertain); i++)
                assert_true(failure_of(uncertain[i], 0, NULL).executed);
        assert_int_equal(failure_of(-EACCES, 0, NULL).error, ETCD_ERROR_DENIED);
        assert_int_equal(failure_of(-EMSGSIZE, 200, NULL).error, ETCD_ERROR_TOO_LARGE);
}

static void test_success(void **state)
{
        EtcdFailure failure;

        assert_false(etcd_failure_of_reply(0, 200, "", 0, &failure));
        assert_string_equal(etcd_error_text(0), "success");
        assert_string_equal(etcd_error_text(ETCD_ERROR_DENIED), "permission denied");
        assert_string_equal(etcd_error_text(-ENOMEM), "Cannot allocate memory");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_replies),
                cmocka_unit_test(test_transport),
                cmocka_unit_test(test_success),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

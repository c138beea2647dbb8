/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "sandbox/tenancy/token.h"
#include "tests/unit/test.h"

enum { NOW_MS = 1000000, EXPIRES_AT_MS = NOW_MS + 1000 };

static char *issue(TokenStore *store, TokenKind kind)
{
        return token_store_issue(store, kind, NOW_MS, EXPIRES_AT_MS, json_pack("{s:i}", "n", kind));
}

static bool redeem(TokenStore *store, TokenKind kind, int64_t now_ms, const char *token)
{
        _cleanup_(json_decrefp) json_t *payload = token_store_redeem(store, kind, now_ms, token);

        if (payload)
                assert_int_equal(json_integer_value(json_object_get(payload, "n")), kind);
        return payload;
}

static void test_once(void **state)
{
        TokenStore store;

        assert_int_equal(token_store_init(&store, NULL), 0);
        for (TokenKind kind = 0; kind < _TOKEN_KIND_MAX; kind++) {
                _cleanup_(freep) char *token = issue(&store, kind);

                assert_int_equal(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
                                               "yz0123456789-_"),
                                 strlen(token));
                assert_true(strlen(token) >= 3 + 22); /* at least 128 bits */
                assert_true(redeem(&store, kind, NOW_MS, token));
                assert_false(redeem(&store, kind, NOW_MS, token));
        }
        assert_false(redeem(&store, TOKEN_CODE, NOW_MS, ""));
        token_store_done(&store);
}

static void test_kind(void **state)
{
        TokenStore store;

        assert_int_equal(token_store_init(&store, NULL), 0);
        for (TokenKind kind = 0; kind < _TOKEN_KIND_MAX; kind++) {
                _cleanup_(freep) char *token = issue(&store, kind);

                for (TokenKind other = 0; other < _TOKEN_KIND_MAX; other++)
                        if (other != kind)
                                assert_false(redeem(&store, other, NOW_MS, token));
                assert_true(redeem(&store, kind, NOW_MS, token));
        }
        token_store_done(&store);
}

static void test_expiry(void **state)
{
        _cleanup_(freep) char *early = NULL, *late = NULL;
        TokenStore store;

        assert_int_equal(token_store_init(&store, NULL), 0);
        early = issue(&store, TOKEN_CODE);
        late = issue(&store, TOKEN_CODE);
        assert_true(redeem(&store, TOKEN_CODE, EXPIRES_AT_MS - 1, early));
        assert_false(redeem(&store, TOKEN_CODE, EXPIRES_AT_MS, late));
        token_store_purge(&store, EXPIRES_AT_MS - 1);
        assert_int_equal(json_object_size(store.entries), 1);
        token_store_purge(&store, EXPIRES_AT_MS);
        assert_int_equal(json_object_size(store.entries), 0);
        token_store_done(&store);
}

static void test_tenancy(void **state)
{
        _cleanup_(freep) char *token = NULL;
        TokenStore ours, theirs;

        assert_int_equal(token_store_init(&ours, NULL), 0);
        assert_int_equal(token_store_init(&theirs, NULL), 0);
        token = issue(&ours, TOKEN_CODE);
        assert_false(redeem(&theirs, TOKEN_CODE, NOW_MS, token));
        assert_true(redeem(&ours, TOKEN_CODE, NOW_MS, token));
        token_store_done(&ours);
        token_store_done(&theirs);
}

static void test_limit(void **state)
{
        _cleanup_(freep) char *first = NULL, *second = NULL, *fresh = NULL;
        TokenStore store;

        assert_int_equal(token_store_init(&store, NULL), 0);
        first = issue(&store, TOKEN_CODE);
        second = issue(&store, TOKEN_CODE);
        for (size_t i = 2; i <= TOKENS_MAX; i++)
                free(issue(&store, TOKEN_CODE));
        /* The oldest token was dropped. */
        assert_false(redeem(&store, TOKEN_CODE, NOW_MS, first));
        assert_true(redeem(&store, TOKEN_CODE, NOW_MS, second));
        free(issue(&store, TOKEN_CODE));
        assert_int_equal(json_object_size(store.entries), TOKENS_MAX);
        /* Expired tokens are dropped first. */
        fresh = token_store_issue(&store, TOKEN_CODE, EXPIRES_AT_MS, EXPIRES_AT_MS + 1,
                                  json_pack("{s:i}", "n", TOKEN_CODE));
        assert_int_equal(json_object_size(store.entries), 1);
        token_store_done(&store);
}

static void test_saved(void **state)
{
        _cleanup_(json_decrefp) json_t *saved = NULL;
        _cleanup_(freep) char *token = NULL, *text = NULL;
        TokenStore store;

        assert_int_equal(token_store_init(&store, NULL), 0);
        token = issue(&store, TOKEN_CODE);
        saved = json_deep_copy(store.entries);
        token_store_done(&store);

        text = json_dumps(saved, 0);
        assert_null(strstr(text, token));
        assert_int_equal(token_store_init(&store, saved), 0);
        assert_true(redeem(&store, TOKEN_CODE, NOW_MS, token));
        token_store_done(&store);
}

static void test_saved_badly(void **state)
{
#define HASH "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
        static const char *const cases[] = {
                "[]",
                "{\"short\": {\"kind\": \"code\", \"expiresAt\": 1, \"payload\": {}}}",
                "{\"" HASH "\": {}}",
                "{\"" HASH "\": {\"kind\": \"code\", \"expiresAt\": 1}}",
                "{\"" HASH "\": {\"kind\": \"pass\", \"expiresAt\": 1, \"payload\": {}}}",
                "{\"" HASH "\": {\"kind\": \"code\", \"expiresAt\": \"1\", \"payload\": {}}}",
                "{\"" HASH "\": {\"kind\": \"code\", \"expiresAt\": 1, \"payload\": []}}",
                "{\"" HASH "\": {\"kind\": \"code\", \"expiresAt\": 1, \"payload\": {}, \"x\": 1}}",
                "{\"" HASH "\": {\"kind\": \"registration\", \"expiresAt\": 1, \"payload\": {}}}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(json_decrefp) json_t *saved = json_loads(cases[i], 0, NULL);
                TokenStore store;

                assert_non_null(saved);
                assert_int_equal(token_store_init(&store, saved), -EBADMSG);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_once),        cmocka_unit_test(test_kind),
                cmocka_unit_test(test_expiry),      cmocka_unit_test(test_tenancy),
                cmocka_unit_test(test_limit),       cmocka_unit_test(test_saved),
                cmocka_unit_test(test_saved_badly),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/wiping-allocator.h"
#include "keyholder/store-login.h"
#include "tests/unit/test.h"

static Secret *make(const char *text)
{
        Secret *secret = NULL;

        assert_int_equal(secret_new(text, strlen(text), &secret), 0);
        return secret;
}

static void test_credentials(void **state)
{
        static const struct {
                const char *text, *flaw; /* NULL: valid */
        } cases[] = {
                {"root:secret", NULL},
                {"a:b", NULL},
                {"root:with space and : colon", NULL},
                {"j\xc3\xb6rg:p\xc3\xa4ss", NULL},
                {"root", "user:password"},
                {"root:", "user:password"},
                {":secret", "user:password"},
                {":", "user:password"},
                {"root:a\nb", "more than one line"},
                {"root:a\tb", "control character"},
                {"root:\xff", "UTF-8"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(secret_unrefp) Secret *login = make(cases[i].text);
                const char *flaw = store_login_flaw(login);

                if (cases[i].flaw)
                        assert_true(flaw && strstr(flaw, cases[i].flaw));
                else
                        assert_null(flaw);
        }
}

static void test_request(void **state)
{
        static const struct {
                const char *login, *body;
        } cases[] = {
                {"root:secret", "{\"name\":\"root\",\"password\":\"secret\"}"},
                {"a\"b\\:c\":\\d", "{\"name\":\"a\\\"b\\\\\",\"password\":\"c\\\":\\\\d\"}"},
                {"\xc3\xb6:\xc3\xa4", "{\"name\":\"\xc3\xb6\",\"password\":\"\xc3\xa4\"}"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(secret_unrefp) Secret *login = make(cases[i].login);
                _cleanup_(wiping_freep) char *body = NULL;
                size_t len;

                assert_int_equal(store_login_write(login, &body, &len), 0);
                assert_string_equal(body, cases[i].body);
                assert_int_equal(len, strlen(body));
        }
}

static void test_tokens(void **state)
{
        static const struct {
                const char *body, *token; /* NULL: refused */
        } cases[] = {
                {"{\"header\":{\"cluster_id\":\"1\",\"raft_term\":\"2\"},\"token\":\"abc.12\"}",
                 "abc.12"},
                {" {\t\"token\" : \"x\"\r\n} \n", "x"},
                {"{\"token\":\"x\",\"a\":[1,-2.5e+3,0,true,false,null,\"\\u00e4\\n\",{},[]]}", "x"},
                {"{\"header\":{\"token\":\"no\"},\"token\":\"yes\"}", "yes"},
                {"", NULL},
                {"{}", NULL},
                {"[]", NULL},
                {"\"token\"", NULL},
                {"{\"token\":\"\"}", NULL},
                {"{\"token\":1}", NULL},
                {"{\"token\":null}", NULL},
                {"{\"token\":\"a b\"}", NULL},
                {"{\"token\":\"a\\nb\"}", NULL},
                {"{\"token\":\"a\\u0041\"}", NULL},
                {"{\"token\":\"\xc3\xa4\"}", NULL},
                {"{\"token\":\"a\",\"token\":\"b\"}", NULL},
                {"{\"header\":{\"token\":\"a\"}}", NULL},
                {"{\"Token\":\"a\"}", NULL},
                {"{\"token\":\"a\"", NULL},
                {"{\"token\":\"a", NULL},
                {"{\"token\":\"a\"} x", NULL},
                {"{\"token\":\"a\"}{}", NULL},
                {"{\"token\":\"a\",}", NULL},
                {"{,\"token\":\"a\"}", NULL},
                {"{\"token\" \"a\"}", NULL},
                {"{token:\"a\"}", NULL},
                {"{\"a\":01,\"token\":\"a\"}", NULL},
                {"{\"a\":1.,\"token\":\"a\"}", NULL},
                {"{\"a\":+1,\"token\":\"a\"}", NULL},
                {"{\"a\":\"\\x\",\"token\":\"a\"}", NULL},
                {"{\"a\":\"\\u12\",\"token\":\"a\"}", NULL},
                {"{\"a\":\"\x01\",\"token\":\"a\"}", NULL},
                {"{\"a\":nul,\"token\":\"a\"}", NULL},
                {"{\"a\":[[[[[[[]]]]]]],\"token\":\"a\"}", "a"},
                {"{\"a\":[[[[[[[[]]]]]]]],\"token\":\"a\"}", NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(secret_unrefp) Secret *token = NULL;
                int r;

                r = store_login_read_token(cases[i].body, strlen(cases[i].body), &token);
                assert_int_equal(r, cases[i].token ? 0 : -EBADMSG);
                if (cases[i].token)
                        assert_string_equal(secret_reveal(token), cases[i].token);
                else
                        assert_null(token);
        }
}

/* A NUL in the reply is not its end. */
static void test_nul(void **state)
{
        static const char body[] = "{\"token\":\"a\"}\0x";
        Secret *token = NULL;

        assert_int_equal(store_login_read_token(body, sizeof(body) - 1, &token), -EBADMSG);
        assert_null(token);
}

static void test_long_token(void **state)
{
        char body[SECRET_LEN_MAX + 64], *end;
        Secret *token = NULL;

        for (size_t len = SECRET_LEN_MAX; len <= SECRET_LEN_MAX + 1; len++) {
                end = stpcpy(body, "{\"token\":\"");
                memset(end, 'x', len);
                end = stpcpy(end + len, "\"}");
                assert_int_equal(store_login_read_token(body, (size_t) (end - body), &token),
                                 len <= SECRET_LEN_MAX ? 0 : -EBADMSG);
        }
        assert_int_equal(secret_len(token), SECRET_LEN_MAX);
        secret_unref(token);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_credentials), cmocka_unit_test(test_request),
                cmocka_unit_test(test_tokens),      cmocka_unit_test(test_nul),
                cmocka_unit_test(test_long_token),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

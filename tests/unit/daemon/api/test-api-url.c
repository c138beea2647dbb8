/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/api/api-url.h"
#include "tests/unit/test.h"

static void assert_built(const char *segment, const char *expected)
{
        const char *const segments[] = {"v2", segment, "end", NULL};
        _cleanup_(freep) char *url = NULL;

        assert_int_equal(api_url_build("https://api.example.com", segments, &url), 0);
        assert_string_equal(url, expected);
}

static void test_build(void **state)
{
        const char *const none[] = {NULL};
        _cleanup_(freep) char *url = NULL;

        assert_int_equal(api_url_build("http://[::1]:80", none, &url), 0);
        assert_string_equal(url, "http://[::1]:80");
        assert_built("abcXYZ019-._~", "https://api.example.com/v2/abcXYZ019-._~/end");
        assert_built("a/b", "https://api.example.com/v2/a%2Fb/end");
        assert_built("?#%&=+ ", "https://api.example.com/v2/%3F%23%25%26%3D%2B%20/end");
        assert_built("%2e%2E", "https://api.example.com/v2/%252e%252E/end");
        assert_built("..;", "https://api.example.com/v2/..%3B/end");
        assert_built("...", "https://api.example.com/v2/.../end");
        assert_built("\xc3\xab\x7f\xff", "https://api.example.com/v2/%C3%AB%7F%FF/end");
}

static void test_dot_segments(void **state)
{
        const char *bad[] = {"", ".", ".."};
        char *untouched = (char *) 1;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                const char *const segments[] = {"v2", bad[i], NULL};

                assert_int_equal(api_url_build("https://a", segments, &untouched), -EINVAL);
        }
        assert_ptr_equal(untouched, (char *) 1);
}

static void test_query(void **state)
{
        const char *const path[] = {"v2", "a b", NULL}, *const bad[] = {"..", NULL};
        char *url = NULL, *untouched = (char *) 1;

        assert_int_equal(api_url_build_query("https://a", path, "cursor", "x+/&=?%", &url), 0);
        assert_string_equal(url, "https://a/v2/a%20b/?cursor=x%2B%2F%26%3D%3F%25");
        free(url);
        assert_int_equal(api_url_build_query("https://a", path, "cursor", "..", &url), 0);
        assert_string_equal(url, "https://a/v2/a%20b/?cursor=..");
        free(url);
        assert_int_equal(api_url_build_query("https://a", path, "cursor", "", &url), 0);
        assert_string_equal(url, "https://a/v2/a%20b/?cursor=");
        free(url);
        assert_int_equal(api_url_build_query("https://a", path, "cursor", NULL, &url), 0);
        assert_string_equal(url, "https://a/v2/a%20b/");
        free(url);
        assert_int_equal(api_url_build_query("https://a", bad, "cursor", NULL, &untouched),
                         -EINVAL);
        assert_ptr_equal(untouched, (char *) 1);
}

static void test_origins(void **state)
{
        const char *good[] = {"https://api.passlock.dev", "http://127.0.0.1:8787",
                              "https://localhost", "http://[::1]:80"};
        const char *bad[] = {
                NULL,
                "",
                "https://",
                "http://",
                "HTTPS://a",
                "ftp://a",
                "api.passlock.dev",
                "https://a/",
                "https://a/b",
                "https://a?b",
                "https://a#b",
                "https://user@a",
                "https://a\\b",
                "https://a b",
                "https://a\n",
                "https://a%41",
                "https://\xc3\xab",
        };

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                assert_true(api_url_origin_is_valid(good[i]));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(api_url_origin_is_valid(bad[i]));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_build),
                cmocka_unit_test(test_dot_segments),
                cmocka_unit_test(test_query),
                cmocka_unit_test(test_origins),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

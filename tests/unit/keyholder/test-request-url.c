/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "keyholder/protocol/protocol.h"
#include "keyholder/request-url.h"
#include "tests/unit/test.h"

static void test_valid_paths(void **state)
{
        static const char *const paths[] = {
                "/principal/code",
                "/principal/c%2F1",
                "/passkeys/a%2Fpk%201%3F",
                "/passkeys/%2f..a%5c",
                "/passkeys/...",
                "/passkeys/.a",
                "/passkeys/%2e%2e%2e",
                "/passkeys/",
                "/passkeys/?cursor=abc",
                "/passkeys/?cursor=",
                "/passkey/registration/authorize",
                "/challenges/%00%0a%ff",
                "/a~-._Z9",
        };

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                if (!request_path_is_valid(paths[i]))
                        fail_msg("%s is invalid", paths[i]);
}

static void test_invalid_paths(void **state)
{
        static const char *const paths[] = {
                "",
                "/",
                "principal",
                "//",
                "//principal",
                "/principal//code",
                "/./principal",
                "/../other/passkeys",
                "/principal/..",
                "/principal/.",
                "/principal/%2e",
                "/principal/%2E%2e",
                "/principal/.%2e/x",
                "/principal/..%2fx",
                "/principal/x%2F%2e%2E%5cy",
                "/principal/x%5C.",
                "/%2e./other",
                "/principal/../../other",
                "/principal/code#fragment",
                "/principal/a b",
                "/principal/a\tb",
                "/principal/a\r\nHost: b",
                "/principal/a\\b",
                "/principal/a@b",
                "/principal/a:b",
                "/principal/a;b",
                "/principal/\xc3\xa9",
                "/principal/%",
                "/principal/%2",
                "/principal/%2g",
                "/principal/%zz",
                "/passkeys/?",
                "/passkeys/?cursor",
                "/passkeys/?=a",
                "/passkeys/?cursor=a=b",
                "/passkeys/?cursor=a&b=c",
                "/passkeys/?cursor=a?b",
                "/passkeys/?cursor=a/b",
                "?cursor=a",
                "@evil.example/",
                ".evil.example/",
                ":80/",
        };

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                if (request_path_is_valid(paths[i]))
                        fail_msg("%s is valid", paths[i]);
}

static void test_length(void **state)
{
        char path[PROTOCOL_PATH_MAX + 2];

        memset(path, 'a', sizeof(path));
        path[0] = '/';
        path[PROTOCOL_PATH_MAX] = '\0';
        assert_true(request_path_is_valid(path));
        path[PROTOCOL_PATH_MAX] = 'a';
        path[PROTOCOL_PATH_MAX + 1] = '\0';
        assert_false(request_path_is_valid(path));
}

static void test_urls(void **state)
{
        _cleanup_(freep) char *url = NULL, *escaped = NULL, *key_set = NULL;
        char *untouched = (char *) 1;

        assert_int_equal(request_url_build("https://api.example", "tenant", "/passkeys/x", &url),
                         0);
        assert_string_equal(url, "https://api.example/v2/tenant/passkeys/x");
        assert_int_equal(
                request_url_build("http://[::1]:8080", "ten/an?c\xc3\xbf", "/passkeys/", &escaped),
                0);
        assert_string_equal(escaped, "http://[::1]:8080/v2/ten%2Fan%3Fc%C3%BF/passkeys/");
        assert_int_equal(request_url_build_key_set("https://api.example", &key_set), 0);
        assert_string_equal(key_set, "https://api.example/v2/.well-known/jwks.json");

        assert_int_equal(request_url_build("https://a", "t", "/../x", &untouched), -EINVAL);
        assert_int_equal(request_url_build("https://a", "", "/x", &untouched), -EINVAL);
        assert_int_equal(request_url_build("https://a", ".", "/x", &untouched), -EINVAL);
        assert_int_equal(request_url_build("https://a", "..", "/x", &untouched), -EINVAL);
        assert_ptr_equal(untouched, (char *) 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_valid_paths),
                cmocka_unit_test(test_invalid_paths),
                cmocka_unit_test(test_length),
                cmocka_unit_test(test_urls),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

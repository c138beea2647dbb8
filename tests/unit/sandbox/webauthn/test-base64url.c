/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "sandbox/webauthn/base64url.h"
#include "tests/unit/test.h"

static void test_pairs(void **state)
{
        static const struct {
                const char *data;
                size_t len;
                const char *text;
        } cases[] = {
                {"", 0, ""},        {"f", 1, "Zg"},        {"fo", 2, "Zm8"},
                {"foo", 3, "Zm9v"}, {"foob", 4, "Zm9vYg"}, {"\xfb\xff\xfe", 3, "-__-"},
                {"\0\0", 2, "AAA"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(freep) char *text = base64url_encode(cases[i].data, cases[i].len);
                _cleanup_(freep) uint8_t *data = NULL;
                size_t len;

                assert_string_equal(text, cases[i].text);
                assert_int_equal(base64url_decode(text, &data, &len), 0);
                assert_int_equal(len, cases[i].len);
                assert_memory_equal(data, cases[i].data, len);
        }
}

static void test_refused(void **state)
{
        static const char *const cases[] = {"Z",    "Zg=", "Zg==",  "Zh",     "Zm9",    "Zm9vZ",
                                            "Zm+v", "a/b", "Zm9v ", "Zm\n9v", "Zm9\xc3"};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint8_t *data = NULL;
                size_t len;

                assert_int_equal(base64url_decode(cases[i], &data, &len), -EINVAL);
                assert_null(data);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pairs),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/etcd/base64.h"
#include "tests/unit/test.h"

/* RFC 4648, section 10. */
static void test_vectors(void **state)
{
        static const char *const texts[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                            "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
        char text[16];
        uint8_t data[16];
        size_t len;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                base64_encode(i > 0 ? "foobar" : NULL, i, text);
                assert_string_equal(text, texts[i]);
                assert_int_equal(strlen(text), base64_encoded_len(i));
                assert_int_equal(base64_decode(text, strlen(text), data, &len), 0);
                assert_int_equal(len, i);
                assert_memory_equal(data, "foobar", i);
        }
}

static void test_all_bytes_in_place(void **state)
{
        uint8_t data[256];
        char text[345];
        size_t len;

        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = (uint8_t) (i * 7);
        base64_encode(data, sizeof(data), text);
        assert_int_equal(base64_decode(text, strlen(text), text, &len), 0);
        assert_int_equal(len, sizeof(data));
        assert_memory_equal(text, data, sizeof(data));
}

static void test_strict(void **state)
{
        static const char *const texts[] = {
                "Z",    "Zg",    "Zg=",  "Zg=A",   "=",    "==",           "====", "Zh==",
                "Zm9=", "Zm9v=", " Zm9", "Zm9v\n", "Zm-v", "Zm9vZg==Zm9v", "Z===", "Zm\xc3v",
        };
        uint8_t data[16];
        size_t len = 99;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                assert_int_equal(base64_decode(texts[i], strlen(texts[i]), data, &len), -EINVAL);
        assert_int_equal(len, 99);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_vectors),
                cmocka_unit_test(test_all_bytes_in_place),
                cmocka_unit_test(test_strict),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strv.h"
#include "tests/unit/test.h"

static void test_split(void **state)
{
        char **words = (char **) 1;

        assert_int_equal(strv_split("", &words), 0);
        assert_null(words);
        assert_int_equal(strv_split("  Authorize\tExchange Links.Read ", &words), 0);
        assert_int_equal(strv_len(words), 3);
        assert_string_equal(words[0], "Authorize");
        assert_string_equal(words[1], "Exchange");
        assert_string_equal(words[2], "Links.Read");
        assert_true(strv_contains(words, "Exchange"));
        assert_false(strv_contains(words, "Links"));
        strv_free(words);
}

static void test_copy(void **state)
{
        char **words = NULL, **copy = NULL;

        assert_int_equal(strv_copy(NULL, &copy), 0);
        assert_null(copy);
        assert_int_equal(strv_push(&words, "a"), 0);
        assert_int_equal(strv_push(&words, "b"), 0);
        assert_int_equal(strv_copy(words, &copy), 0);
        strv_free(words);
        assert_int_equal(strv_len(copy), 2);
        assert_string_equal(copy[1], "b");
        strv_free(copy);
        assert_null(strv_free(NULL));
        assert_int_equal(strv_len(NULL), 0);
        assert_false(strv_contains(NULL, "a"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_split),
                cmocka_unit_test(test_copy),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

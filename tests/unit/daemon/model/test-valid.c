/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/model/valid.h"
#include "tests/unit/test.h"

static void test_bounds(void **state)
{
        const struct {
                bool (*is_valid)(const char *s);
                size_t max;
        } kinds[] = {
                {user_id_is_valid, 256},    {username_is_valid, 256},     {rp_id_is_valid, 253},
                {code_is_valid, 512},       {id_is_valid, 512},           {request_id_is_valid, 64},
                {tenancy_id_is_valid, 256}, {tenancy_label_is_valid, 32},
        };
        char s[600];

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                memset(s, 'a', sizeof(s));
                s[kinds[i].max] = '\0';
                assert_true(kinds[i].is_valid(s));
                s[kinds[i].max] = 'a';
                s[kinds[i].max + 1] = '\0';
                assert_false(kinds[i].is_valid(s));
                assert_false(kinds[i].is_valid(""));
                assert_false(kinds[i].is_valid(NULL));
        }
}

static void test_utf8(void **state)
{
        const char *good[] = {
                "ada",          "Zo\xc3\xab",       "\xe2\x82\xac", "\xf0\x9f\x94\x91",
                "\xed\x9f\xbf", "\xf4\x8f\xbf\xbd", "\xc2\xa0"};
        const char *bad[] = {
                "\x80",             /* a continuation on its own */
                "\xc3",             /* cut off */
                "\xc0\xaf",         /* overlong */
                "\xe0\x80\xaf",     /* overlong */
                "\xf0\x80\x80\xaf", /* overlong */
                "\xed\xa0\x80",     /* a surrogate */
                "\xf4\x90\x80\x80", /* beyond Unicode */
                "\xf8\x88\x80\x80\x80",
                "\xef\xb7\x90",     /* U+FDD0, a non-character, as the next two */
                "\xef\xbf\xbe",     /* U+FFFE */
                "\xf4\x8f\xbf\xbf", /* U+10FFFF */
                "a\xffz",
                "line\nfeed",
                "\x7f",
                "\xc2\x85", /* a C1 control */
        };

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                assert_true(text_is_valid(good[i], 16));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(text_is_valid(bad[i], 16));
}

static void test_prose(void **state)
{
        assert_true(prose_is_valid("", 0));
        assert_true(prose_is_valid("a\r\n\tb\x7f\xc2\x85", 16));
        assert_true(prose_is_valid("abc", 3));
        assert_false(prose_is_valid("abcd", 3));
        assert_false(prose_is_valid(NULL, 3));
        assert_false(prose_is_valid("a\xffz", 16));
        assert_false(prose_is_valid("a\xed\xa0\x80", 16));
        assert_false(prose_is_valid("a\xef\xbf\xbe", 16));
}

/* Never in the middle of a character. */
static void test_cut(void **state)
{
        static const char text[] = "a\xc3\xab\xe2\x82\xac\xf0\x9f\x94\x91z";
        static const size_t lens[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};

        for (size_t i = 0; i < ARRAY_SIZE(lens); i++)
                assert_int_equal(text_cut(text, i), lens[i]);
        assert_int_equal(text_cut("", 0), 0);
        assert_int_equal(text_cut("", 7), 0);
}

static void test_text_make_valid(void **state)
{
        const struct {
                const char *from, *to;
        } texts[] = {
                {"", ""},
                {"ada", "ada"},
                {"Zo\xc3\xab", "Zo\xc3\xab"},
                {"a\xff z", "a? z"},
                {"a\nb\x1b", "a?b?"},
                {"\xe2\x82", "??"},
                {"\xc2\x85", "??"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                char *copy = text_make_valid(texts[i].from);

                assert_string_equal(copy, texts[i].to);
                free(copy);
        }
        assert_true(text_is_utf8("Zo\xc3\xab\n"));
        assert_true(text_is_utf8(""));
        assert_false(text_is_utf8("Zo\xeb"));
}

static void test_alphabets(void **state)
{
        assert_true(request_id_is_valid("0123456789abcDEF"));
        assert_false(request_id_is_valid("0123456789abcDE"));
        assert_false(request_id_is_valid("0123456789abcDE!"));
        assert_true(tenancy_label_is_valid("shop_2"));
        assert_false(tenancy_label_is_valid("Shop"));
        assert_false(tenancy_label_is_valid("shop-2"));
        assert_false(tenancy_id_is_valid("with space"));
        assert_true(user_verification_is_valid("preferred"));
        assert_false(user_verification_is_valid("Preferred"));
        assert_false(user_verification_is_valid(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bounds),          cmocka_unit_test(test_utf8),
                cmocka_unit_test(test_prose),           cmocka_unit_test(test_cut),
                cmocka_unit_test(test_text_make_valid), cmocka_unit_test(test_alphabets),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

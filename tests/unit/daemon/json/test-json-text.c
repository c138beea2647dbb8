/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/json/json-text.h"
#include "tests/unit/test.h"

/* Copies the text without a NUL, so that the sanitizer detects reads beyond its end. */
static JsonText text_of(const char *s)
{
        size_t len = strlen(s);
        char *copy = malloc(len ?: 1);

        assert_non_null(copy);
        memcpy(copy, s, len);
        return (JsonText){.s = copy, .len = len};
}

static void assert_text(JsonText text, const char *expected)
{
        assert_int_equal(text.len, strlen(expected));
        assert_memory_equal(text.s, expected, text.len);
}

static void test_member(void **state)
{
        static const struct {
                const char *object, *expected;
        } cases[] = {
                {"{\"a\":1}", "1"},
                {" { \"b\" : [\"a\"], \"a\" : {\"a\":2} , \"c\":3}", "{\"a\":2}"},
                {"{\"x\":{\"a\":1},\"a\":\"}\"}", "\"}\""},
                {"{\"x\":\"\\\",\\\"a\\\":\",\"a\":[]}", "[]"},
                {"{\"x\":[[[[]]]],\"ab\":1,\"a\":-1e9}", "-1e9"},
                {"{\"a\":1,\"a\":2}", "1"},
                {"{\"a\":1", "1"},
                {"{}", NULL},
                {"", NULL},
                {" ", NULL},
                {"[\"a\",1]", NULL},
                {"\"a\"", NULL},
                {"{", NULL},
                {"{\"a", NULL},
                {"{\"a\"", NULL},
                {"{\"a\":[1}", "[1}"},
                {"{\"a\":\"1", NULL},
                {"{\"a\":\"1\\", NULL},
                {"{\"b\":[1,\"a\":2", NULL},
                {"{\"b\":1 \"a\":2}", NULL},
                {"{a:1}", NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                JsonText object = text_of(cases[i].object), value;
                bool found = json_text_member(object, "a", &value);

                if (found && !cases[i].expected)
                        print_message("# %s\n", cases[i].object);
                assert_int_equal(found, cases[i].expected != NULL);
                if (found)
                        assert_text(value, cases[i].expected);
                free((char *) object.s);
        }
}

static void test_elements(void **state)
{
        static const struct {
                const char *array, *elements[4];
        } cases[] = {
                {"[]", {}},
                {" [ 1 , \"]\" , {\"a\":[1,2]} ] ", {"1", "\"]\"", "{\"a\":[1,2]}"}},
                {"[[],[[1],2]]", {"[]", "[[1],2]"}},
                {"[1,]", {"1"}},
                {"[1", {"1"}},
                {"[1,[2", {"1"}},
                {"[,1]", {}},
                {"{\"a\":1}", {}},
                {"1", {}},
                {"", {}},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                JsonText array = text_of(cases[i].array), element;
                size_t pos = 0, n = 0;

                while (json_text_element(array, &pos, &element)) {
                        assert_non_null(cases[i].elements[n]);
                        assert_text(element, cases[i].elements[n++]);
                }
                assert_null(cases[i].elements[n]);
                free((char *) array.s);
        }
}

static void test_compact(void **state)
{
        static const char *const cases[][2] = {
                {" { \"a b\" : [ 1 ,\t\"\\\" \" ]\r\n} ", "{\"a b\":[1,\"\\\" \"]}"},
                {"{}", "{}"},
                {"\"no end ", "\"no end "},
                {"", ""},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                JsonText text = text_of(cases[i][0]);
                _cleanup_(freep) char *compact = json_text_compact(text);

                assert_string_equal(compact, cases[i][1]);
                free((char *) text.s);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_member),
                cmocka_unit_test(test_elements),
                cmocka_unit_test(test_compact),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

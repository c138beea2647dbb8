/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/model/finding.h"
#include "tests/unit/test.h"

static void test_copies(void **state)
{
        char name[] = "www2";
        FindingList list = {};

        assert_int_equal(finding_add(&list, .kind = "user", .name = name, .place = "a.conf:3",
                                     .text = "There is no user www2"),
                         0);
        name[0] = 'x';
        assert_int_equal(finding_add(&list, .kind = "credential"), 0);
        assert_int_equal(list.n_findings, 2);
        assert_string_equal(list.findings[0].kind, "user");
        assert_string_equal(list.findings[0].name, "www2");
        assert_string_equal(list.findings[0].place, "a.conf:3");
        assert_string_equal(list.findings[0].text, "There is no user www2");
        assert_string_equal(list.findings[0].tenancy, "");
        assert_string_equal(list.findings[0].advice, "");
        assert_string_equal(list.findings[1].kind, "credential");
        finding_list_clear(&list);
        assert_int_equal(list.n_findings, 0);
        finding_list_clear(&list);
}

/* Input may be arbitrary bytes; output is valid text. */
static void test_texts_are_text(void **state)
{
        FindingList list = {};

        assert_int_equal(finding_add(&list, .name = "/z\xfcrich\x1b[1m\nx", .text = "Zo\xc3\xab"),
                         0);
        assert_string_equal(list.findings[0].name, "/z?rich?[1m?x");
        assert_string_equal(list.findings[0].text, "Zo\xc3\xab");
        finding_list_clear(&list);
}

static void test_append(void **state)
{
        FindingList list = {}, more = {};

        assert_int_equal(finding_add(&list, .kind = "a"), 0);
        assert_int_equal(finding_add(&more, .kind = "b"), 0);
        assert_int_equal(finding_add(&more, .kind = "c"), 0);
        assert_int_equal(finding_list_append(&list, &more), 0);
        finding_list_clear(&more);
        assert_int_equal(list.n_findings, 3);
        assert_string_equal(list.findings[2].kind, "c");
        finding_list_clear(&list);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_copies),
                cmocka_unit_test(test_texts_are_text),
                cmocka_unit_test(test_append),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

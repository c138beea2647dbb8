/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/tenancy/fault.h"
#include "tests/unit/test.h"

static void test_good(void **state)
{
        static const struct {
                const char *spec;
                Fault fault;
                const char *canonical; /* NULL: the same */
        } cases[] = {
                {"hang", {FAULT_HANG, 0, "", ENDPOINT_NONE, UINT64_MAX}, NULL},
                {"delay=250", {FAULT_DELAY, 250, "", ENDPOINT_NONE, UINT64_MAX}, NULL},
                {"refuse@jwks", {FAULT_REFUSE, 0, "", ENDPOINT_JWKS, UINT64_MAX}, NULL},
                {"garbage*3", {FAULT_GARBAGE, 0, "", ENDPOINT_NONE, 3}, NULL},
                {"html@exchange*1", {FAULT_HTML, 0, "", ENDPOINT_EXCHANGE, 1}, NULL},
                {"large", {FAULT_LARGE, 20000000, "", ENDPOINT_NONE, UINT64_MAX}, "large=20000000"},
                {"large=100", {FAULT_LARGE, 100, "", ENDPOINT_NONE, UINT64_MAX}, NULL},
                {"status=503@passkey-get*2",
                 {FAULT_STATUS, 503, "", ENDPOINT_PASSKEY_GET, 2},
                 NULL},
                {"drop", {FAULT_DROP, 0, "", ENDPOINT_NONE, UINT64_MAX}, NULL},
                {"cut@passkey-list", {FAULT_CUT, 0, "", ENDPOINT_PASSKEY_LIST, UINT64_MAX}, NULL},
                {"wrong-type", {FAULT_WRONG_TYPE, 0, "", ENDPOINT_NONE, UINT64_MAX}, NULL},
                {"missing=userId@exchange",
                 {FAULT_MISSING, 0, "userId", ENDPOINT_EXCHANGE, UINT64_MAX},
                 NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char text[FAULT_SPEC_MAX];
                Fault fault;

                assert_null(fault_parse(cases[i].spec, &fault));
                assert_int_equal(fault.kind, cases[i].fault.kind);
                assert_int_equal(fault.number, cases[i].fault.number);
                assert_string_equal(fault.field, cases[i].fault.field);
                assert_int_equal(fault.endpoint, cases[i].fault.endpoint);
                assert_true(fault.remaining == cases[i].fault.remaining);
                fault_format(&fault, text);
                assert_string_equal(text, cases[i].canonical ? cases[i].canonical : cases[i].spec);
        }
}

static void test_bad(void **state)
{
        static const char *const cases[] = {
                "",
                "hung",
                "hang ",
                "hang=1",
                "hang=",
                "hang@",
                "hang@nowhere",
                "hang*",
                "hang*0",
                "hang*-1",
                "hang*+1",
                "hang*1x",
                "hang*18446744073709551615",
                "hang*99999999999999999999",
                "hang*1@jwks",
                "delay",
                "delay=",
                "delay=0",
                "delay=1ms",
                "delay=3600001",
                "large=99",
                "large=100000000001",
                "status",
                "status=200",
                "status=600",
                "missing=",
                "missing=aVeryLongNameThatNoMemberOfAnyAnswerHas",
        };
        char longest[FAULT_SPEC_MAX + 1];
        Fault fault;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_non_null(fault_parse(cases[i], &fault));
        memset(longest, 'a', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        assert_non_null(fault_parse(longest, &fault));
}

static void test_list(void **state)
{
        FaultList list = {};

        assert_null(fault_list_add(&list, "refuse@jwks*2"));
        assert_null(fault_list_add(&list, "hang*1"));
        assert_null(fault_list_add(&list, "cut@jwks"));
        assert_non_null(fault_list_add(&list, "what"));
        assert_int_equal(list.n_faults, 3);

        assert_int_equal(fault_list_take(&list, ENDPOINT_JWKS).kind, FAULT_REFUSE);
        assert_int_equal(fault_list_take(&list, ENDPOINT_EXCHANGE).kind, FAULT_HANG);
        assert_int_equal(fault_list_take(&list, ENDPOINT_EXCHANGE).kind, FAULT_NONE);
        assert_int_equal(fault_list_take(&list, ENDPOINT_JWKS).kind, FAULT_REFUSE);
        for (size_t i = 0; i < 5; i++)
                assert_int_equal(fault_list_take(&list, ENDPOINT_JWKS).kind, FAULT_CUT);
        assert_int_equal(list.n_faults, 1);
}

static void test_full(void **state)
{
        FaultList list = {};

        for (size_t i = 0; i < FAULTS_MAX; i++)
                assert_null(fault_list_add(&list, "hang*1"));
        assert_non_null(fault_list_add(&list, "hang*1"));
        for (size_t i = 0; i < FAULTS_MAX; i++)
                assert_int_equal(fault_list_take(&list, ENDPOINT_JWKS).kind, FAULT_HANG);
        assert_int_equal(fault_list_take(&list, ENDPOINT_JWKS).kind, FAULT_NONE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_list),
                cmocka_unit_test(test_full),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

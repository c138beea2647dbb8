/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/domain-name.h"
#include "tests/unit/test.h"

static void test_domain_name(void **state)
{
        const char *good[] = {
                "localhost",
                "LOCALHOST",
                "example.com",
                "Shop.Example.COM",
                "intranet",
                "a.b-c.d",
                "xn--mller-kva.de",
                "3com.com",
                "1.2.3.4.example",
                "a123456789012345678901234567890123456789012345678901234567890bc.example"};
        const char *bad[] = {
                "",
                "https://example.com",
                "example.com:443",
                "example.com/",
                "example.com.",
                ".example.com",
                "example..com",
                "-a.example",
                "a-.example",
                "shop_1.example",
                "m\xc3\xbcller.de",
                "*.example.com",
                "127.0.0.1",
                "::1",
                "[::1]",
                "1",
                "user@example.com",
                "a b",
                "a123456789012345678901234567890123456789012345678901234567890bcd.example"};
        char longest[255];

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                assert_true(domain_name_is_valid(good[i]));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(domain_name_is_valid(bad[i]));
        assert_false(domain_name_is_valid(NULL));

        for (size_t i = 0; i < 254; i++)
                longest[i] = i % 2 ? '.' : 'a';
        longest[253] = '\0';
        assert_true(domain_name_is_valid(longest));
        memcpy(longest + 253, "a", 2);
        assert_false(domain_name_is_valid(longest));
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_domain_name)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "dbus/error.h"
#include "tests/unit/test.h"

static void test_every_error_is_complete(void **state)
{
        for (int e = 1; e <= ERROR_MAX; e++) {
                assert_non_null(error_dbus_name(e));
                assert_non_null(error_text(e));
                assert_in_range(error_http_status(e), 400, 599);
                assert_int_equal(error_from_dbus_name(error_dbus_name(e)), e);
        }
}

static void test_names_differ(void **state)
{
        for (int a = 1; a <= ERROR_MAX; a++)
                for (int b = a + 1; b <= ERROR_MAX; b++)
                        assert_string_not_equal(error_dbus_name(a), error_dbus_name(b));
}

static void test_api_tags(void **state)
{
        assert_int_equal(error_from_api_tag("@error/InvalidCode"), ERROR_INVALID_CODE);
        assert_int_equal(error_from_api_tag("@error/Forbidden"), ERROR_API_DENIED);
        assert_int_equal(error_from_api_tag("@error/ChallengeRateLimited"), ERROR_RATE_LIMITED);
}

static void test_unknown_names(void **state)
{
        assert_null(error_dbus_name(0));
        assert_null(error_dbus_name(-1));
        assert_null(error_dbus_name(ERROR_MAX + 1));
        assert_null(error_text(ERROR_MAX + 1));
        assert_int_equal(error_http_status(ERROR_MAX + 1), 0);
        assert_int_equal(error_from_dbus_name(NULL), 0);
        assert_int_equal(error_from_dbus_name("org.freedesktop.DBus.Error.NoReply"), 0);
        assert_int_equal(error_from_api_tag(NULL), 0);
        assert_int_equal(error_from_api_tag("InvalidCode"), 0);
}

static void test_contract_names(void **state)
{
        assert_string_equal(error_dbus_name(ERROR_USER_MISMATCH),
                            "dev.passlock.Passlock1.Error.UserMismatch");
        assert_string_equal(error_dbus_name(ERROR_CHALLENGE_ATTEMPTS_EXCEEDED),
                            "dev.passlock.Passlock1.Error.ChallengeAttemptsExceeded");
        assert_string_equal(error_dbus_name(ERROR_ACCESS_DENIED),
                            "org.freedesktop.DBus.Error.AccessDenied");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_error_is_complete),
                cmocka_unit_test(test_names_differ),
                cmocka_unit_test(test_api_tags),
                cmocka_unit_test(test_unknown_names),
                cmocka_unit_test(test_contract_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <string.h>

#include "gate/http-error.h"
#include "tests/unit/test.h"

static void test_every_error_is_complete(void **state)
{
        for (int e = 1; e < HTTP_ERROR_END; e++) {
                if (e == HTTP_ERROR_FIRST && !error_text(e))
                        continue;
                assert_non_null(http_error_name(e));
                assert_non_null(http_error_text(e));
                assert_in_range(http_error_status(e), 400, 599);
                assert_int_equal(http_error_from_result(e), e);
        }
}

static void test_names_differ(void **state)
{
        for (int a = 1; a < HTTP_ERROR_END; a++)
                for (int b = a + 1; b < HTTP_ERROR_END; b++)
                        assert_string_not_equal(http_error_name(a), http_error_name(b));
}

static void test_results(void **state)
{
        assert_int_equal(http_error_from_result(-EHOSTDOWN), HTTP_ERROR_UNAVAILABLE);
        assert_int_equal(http_error_from_result(-ENOTCONN), HTTP_ERROR_UNAVAILABLE);
        assert_int_equal(http_error_from_result(-ECONNRESET), HTTP_ERROR_REPLY_LOST);
        assert_int_equal(http_error_from_result(-ETIMEDOUT), HTTP_ERROR_TIMED_OUT);
        assert_int_equal(http_error_from_result(-ENOMEM), HTTP_ERROR_INTERNAL);
        assert_int_equal(http_error_from_result(HTTP_ERROR_END), HTTP_ERROR_INTERNAL);
        assert_int_equal(http_error_from_result(ERROR_LINK_CONFLICT), ERROR_LINK_CONFLICT);
        assert_string_equal(http_error_name(ERROR_LINK_CONFLICT), "LinkConflict");
        assert_int_equal(http_error_status(ERROR_LINK_CONFLICT), 409);
}

static void test_retry_after(void **state)
{
        assert_int_equal(http_error_retry_after_s("The limit is exceeded; retry after 7 s"), 7);
        assert_int_equal(http_error_retry_after_s("retry after 86400 s"), 86400);
        assert_int_equal(http_error_retry_after_s("retry after 86401 s"), 0);
        assert_int_equal(http_error_retry_after_s("retry after 99999999999 s"), 0);
        assert_int_equal(http_error_retry_after_s("retry after  s"), 0);
        assert_int_equal(http_error_retry_after_s("retry after 7 s."), 0);
        assert_int_equal(http_error_retry_after_s("retry after 1 s; retry after 2 s"), 2);
        assert_int_equal(http_error_retry_after_s(""), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_error_is_complete),
                cmocka_unit_test(test_names_differ),
                cmocka_unit_test(test_results),
                cmocka_unit_test(test_retry_after),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/macro.h"
#include "dbus/api-status.h"
#include "tests/unit/test.h"

static const Error exchange[] = {ERROR_INVALID_CODE, ERROR_API_DENIED, 0};
static const Error get[] = {ERROR_NOT_FOUND, ERROR_API_DENIED, 0};
static const Error create[] = {ERROR_BAD_REQUEST, ERROR_RATE_LIMITED, ERROR_API_DENIED, 0};
static const Error verify[] = {ERROR_INVALID_CHALLENGE_CODE, ERROR_CHALLENGE_EXPIRED,
                               ERROR_CHALLENGE_ATTEMPTS_EXCEEDED, ERROR_API_DENIED, 0};
static const Error nothing[] = {0};

static const struct {
        unsigned status;
        const char *tag;
        const Error *documented;
        int error;
} answers[] = {
        /* a documented tag, with the status that goes with it, and with others */
        {404, "@error/InvalidCode", exchange, ERROR_INVALID_CODE},
        {400, "@error/InvalidCode", exchange, ERROR_INVALID_CODE},
        {410, "@error/InvalidCode", exchange, ERROR_INVALID_CODE},
        {404, "@error/NotFound", get, ERROR_NOT_FOUND},
        {400, "@error/ChallengeRateLimited", create, ERROR_RATE_LIMITED},
        /* one that this endpoint does not have */
        {404, "@error/NotFound", exchange, ERROR_BAD_REQUEST},
        {404, "@error/InvalidCode", get, ERROR_BAD_REQUEST},
        {400, "@error/ChallengeRateLimited", exchange, ERROR_BAD_REQUEST},
        {404, "@error/NotFound", nothing, ERROR_BAD_REQUEST},
        {404, "@error/NotFound", NULL, ERROR_BAD_REQUEST},
        /* none, or one that nobody has */
        {400, NULL, get, ERROR_BAD_REQUEST},
        {404, NULL, get, ERROR_BAD_REQUEST},
        {404, NULL, exchange, ERROR_BAD_REQUEST},
        {404, "", get, ERROR_BAD_REQUEST},
        {404, "NotFound", get, ERROR_BAD_REQUEST},
        {400, "HttpApiDecodeError", get, ERROR_BAD_REQUEST},
        {408, NULL, get, ERROR_BAD_REQUEST},
        {409, NULL, get, ERROR_BAD_REQUEST},
        {413, NULL, nothing, ERROR_BAD_REQUEST},
        {499, NULL, NULL, ERROR_BAD_REQUEST},
        /* refused, regardless of the body */
        {401, NULL, nothing, ERROR_API_DENIED},
        {403, NULL, NULL, ERROR_API_DENIED},
        {401, "@error/NotFound", get, ERROR_API_DENIED},
        {403, "@error/NotFound", get, ERROR_API_DENIED},
        {403, "@error/InvalidCode", exchange, ERROR_API_DENIED},
        {403, "@error/BadRequest", create, ERROR_API_DENIED},
        {400, "@error/Forbidden", nothing, ERROR_API_DENIED},
        {400, "@error/Unauthorized", get, ERROR_API_DENIED},
        {404, "@error/InvalidTenancy", get, ERROR_API_DENIED},
        {404, "@error/InvalidTenancy", NULL, ERROR_API_DENIED},
        /* rate-limited, regardless of the body */
        {429, NULL, nothing, ERROR_RATE_LIMITED},
        {429, "@error/ChallengeRateLimited", create, ERROR_RATE_LIMITED},
        {429, "@error/Forbidden", get, ERROR_RATE_LIMITED},
        {429, "@error/NotFound", get, ERROR_RATE_LIMITED},
        {429, "@error/InvalidCode", exchange, ERROR_RATE_LIMITED},
        {429, "@error/ChallengeAttemptsExceeded", verify, ERROR_CHALLENGE_ATTEMPTS_EXCEEDED},
        {429, "@error/ChallengeExpired", verify, ERROR_CHALLENGE_EXPIRED},
        {429, "@error/InvalidChallengeCode", verify, ERROR_RATE_LIMITED},
        {429, "@error/ChallengeAttemptsExceeded", create, ERROR_RATE_LIMITED},
        /* unreachable, regardless of the body */
        {500, "@error/NotFound", get, ERROR_UNREACHABLE},
        {502, NULL, get, ERROR_UNREACHABLE},
        {503, "@error/Forbidden", get, ERROR_UNREACHABLE},
        {599, "@error/InvalidCode", exchange, ERROR_UNREACHABLE},
        {600, "@error/InvalidCode", exchange, ERROR_UNREACHABLE},
        {999, NULL, exchange, ERROR_UNREACHABLE},
        {301, "@error/Forbidden", get, ERROR_UNREACHABLE},
        {304, NULL, get, ERROR_UNREACHABLE},
        {399, "@error/NotFound", get, ERROR_UNREACHABLE},
        {100, NULL, get, ERROR_UNREACHABLE},
        {101, "@error/NotFound", get, ERROR_UNREACHABLE},
        {199, NULL, get, ERROR_UNREACHABLE},
        {0, "@error/NotFound", get, ERROR_UNREACHABLE},
        /* success: the body is parsed elsewhere */
        {200, NULL, get, 0},
        {202, "@error/NotFound", get, 0},
        {299, NULL, NULL, 0},
};

static void test_answers(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                int error = api_status_to_error(answers[i].status, answers[i].tag,
                                                answers[i].documented);

                if (error != answers[i].error)
                        print_message("# %u %s: %d\n", answers[i].status,
                                      answers[i].tag ?: "(no tag)", error);
                assert_int_equal(error, answers[i].error);
        }
}

/* Only the API's own tag means NOT_FOUND. */
static void test_nothing_else_means_not_found(void **state)
{
        static const Error all[] = {ERROR_NOT_FOUND, ERROR_INVALID_CODE, 0};
        static const char *const tags[] = {NULL,
                                           "",
                                           "NotFound",
                                           "@error/notfound",
                                           "@error/NotFound ",
                                           "@error/PasskeyNotFound"};

        for (unsigned status = 0; status < 1000; status++)
                for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
                        int error = api_status_to_error(status, tags[i], all);

                        assert_int_not_equal(error, ERROR_NOT_FOUND);
                        assert_int_not_equal(error, ERROR_INVALID_CODE);
                        assert_int_equal(error == 0, status >= 200 && status < 300);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answers),
                cmocka_unit_test(test_nothing_else_means_not_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "base/retry-after.h"
#include "base/wiping-allocator.h"
#include "daemon/api/api-json.h"
#include "daemon/json/json.h"
#include "tests/unit/daemon/api/json-fields.h"
#include "tests/unit/test.h"

static const char token_reply[] =
        "{\"_tag\":\"AuthorizedPasskeyRegistration\",\"registrationToken\":\"rt_1\","
        "\"expiresAt\":1767225900000}";

static const char authentication_reply[] =
        "{\"_tag\":\"AuthorizedPasskeyAuthentication\",\"authenticationToken\":\"at_1\","
        "\"expiresAt\":1767225900000}";

static const char principal_reply[] =
        "{\"_tag\":\"ExtendedPrincipal\",\"id\":\"pr1\",\"userId\":\"user-42\","
        "\"authenticatorId\":\"pk5\",\"authenticatorType\":\"passkey\","
        "\"passkey\":{\"verified\":true,\"userVerified\":true,\"platformName\":\"Keychain\"},"
        "\"createdAt\":1767225600000,\"expiresAt\":1767225900000,"
        "\"metadata\":{\"ipAddress\":\"127.0.0.1\",\"userAgent\":\"Browser/1.0\"}}";

static int read_token_with(int (*read)(const char *body, size_t body_len, Token *ret),
                           const char *body, size_t body_len)
{
        Token token = {};
        int r;

        r = read(body, body_len, &token);
        assert_true((r == 0) == (token.token != NULL));
        free(token.token);
        return r;
}

static int read_token(const char *body, size_t body_len)
{
        return read_token_with(api_json_read_registration_token, body, body_len);
}

static int read_authentication_token(const char *body, size_t body_len)
{
        return read_token_with(api_json_read_authentication_token, body, body_len);
}

static int read_principal(const char *body, size_t body_len)
{
        Principal *principal = NULL;
        int r;

        r = api_json_read_principal(body, body_len, &principal);
        assert_true((r == 0) == (principal != NULL));
        principal_free(principal);
        return r;
}

static void test_token(void **state)
{
        Token token = {};

        assert_int_equal(api_json_read_registration_token(token_reply, strlen(token_reply), &token),
                         0);
        assert_string_equal(token.token, "rt_1");
        assert_int_equal(token.expires_at_ms, 1767225900000);
        free(token.token);

        assert_int_equal(api_json_read_authentication_token(authentication_reply,
                                                            strlen(authentication_reply), &token),
                         0);
        assert_string_equal(token.token, "at_1");
        assert_int_equal(token.expires_at_ms, 1767225900000);
        free(token.token);
        /* the two are not interchangeable */
        assert_int_equal(read_token(authentication_reply, strlen(authentication_reply)),
                         ERROR_MALFORMED_REPLY);
        assert_int_equal(read_authentication_token(token_reply, strlen(token_reply)),
                         ERROR_MALFORMED_REPLY);
}

static void test_principal(void **state)
{
        _cleanup_(principal_freep) Principal *principal = NULL;

        assert_int_equal(
                api_json_read_principal(principal_reply, strlen(principal_reply), &principal), 0);
        assert_string_equal(principal->id, "pr1");
        assert_string_equal(principal->user_id, "user-42");
        assert_string_equal(principal->authenticator_id, "pk5");
        assert_string_equal(principal->authenticator_type, "passkey");
        assert_string_equal(principal->platform_name, "Keychain");
        assert_string_equal(principal->ip_address, "127.0.0.1");
        assert_string_equal(principal->user_agent, "Browser/1.0");
        assert_int_equal(principal->created_at_ms, 1767225600000);
        assert_int_equal(principal->expires_at_ms, 1767225900000);
        assert_true(principal->verified);
        assert_true(principal->user_verified);
}

static void test_principal_without_options(void **state)
{
        static const char *const replies[] = {
                "{\"_tag\":\"ExtendedPrincipal\",\"id\":\"pr1\",\"userId\":\"u\","
                "\"authenticatorId\":\"pk5\",\"authenticatorType\":\"passkey\",\"createdAt\":1,"
                "\"expiresAt\":2,\"metadata\":{}}",
                "{\"_tag\":\"ExtendedPrincipal\",\"id\":\"pr1\",\"userId\":\"u\",\"passkey\":null,"
                "\"authenticatorId\":\"pk5\",\"authenticatorType\":\"passkey\",\"createdAt\":1,"
                "\"expiresAt\":2,\"metadata\":{\"ipAddress\":null,\"userAgent\":\"\"}}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
                _cleanup_(principal_freep) Principal *principal = NULL;

                assert_int_equal(
                        api_json_read_principal(replies[i], strlen(replies[i]), &principal), 0);
                assert_false(principal->verified);
                assert_false(principal->user_verified);
                assert_null(principal->platform_name);
                assert_null(principal->ip_address);
                assert_null(principal->user_agent);
        }
}

static const Field token_fields[] = {
        {"_tag", 's'},
        {"registrationToken", 's', .len_max = 8192},
        {"expiresAt", 'n'},
};

static const Field authentication_fields[] = {
        {"_tag", 's'},
        {"authenticationToken", 's', .len_max = 8192},
        {"expiresAt", 'n'},
};

static const Field principal_fields[] = {
        {"_tag", 's'},
        {"id", 's', .len_max = 512},
        {"userId", 's', .len_max = 256},
        {"authenticatorId", 's', .len_max = 512},
        {"authenticatorType", 's'},
        {"passkey", 'o', .optional = true},
        {"passkey/verified", 'b'},
        {"passkey/userVerified", 'b'},
        {"passkey/platformName", 's', .informs = true, .len_max = 256},
        {"createdAt", 'n'},
        {"expiresAt", 'n'},
        {"metadata", 'o', .informs = true},
        {"metadata/ipAddress", 's', .informs = true, .len_max = 64},
        {"metadata/userAgent", 's', .informs = true, .len_max = 4096},
};

static void test_every_field(void **state)
{
        assert_fields(read_token, token_reply, token_fields, ARRAY_SIZE(token_fields));
        assert_fields(read_authentication_token, authentication_reply, authentication_fields,
                      ARRAY_SIZE(authentication_fields));
        assert_fields(read_principal, principal_reply, principal_fields,
                      ARRAY_SIZE(principal_fields));
}

static void test_times(void **state)
{
        static const struct {
                const char *value;
                int r;
        } cases[] = {
                {"0", 0},
                {"1", 0},
                {"1767225900000.0", 0},
                {"1.7672259e12", 0},
                {"9007199254740991", 0},
                {"9007199254740992", ERROR_MALFORMED_REPLY},
                {"9223372036854775807", ERROR_MALFORMED_REPLY},
                {"1e300", ERROR_MALFORMED_REPLY},
                {"-1", ERROR_MALFORMED_REPLY},
                {"-0.5", ERROR_MALFORMED_REPLY},
                {"\"1767225900000\"", ERROR_MALFORMED_REPLY},
                {"[1]", ERROR_MALFORMED_REPLY},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_int_equal(read_changed(read_token, token_reply, "expiresAt", cases[i].value),
                                 cases[i].r);
                assert_int_equal(
                        read_changed(read_principal, principal_reply, "createdAt", cases[i].value),
                        cases[i].r);
        }
}

static void test_extra_fields(void **state)
{
        assert_int_equal(read_changed(read_token, token_reply, "new", "{\"a\":[1,null]}"), 0);
        assert_int_equal(read_changed(read_principal, principal_reply, "passkey/new", "1"), 0);
}

static int read_passkey_of(const char *number)
{
        char body[512];

        snprintf(body, sizeof(body),
                 "{\"_tag\":\"ExtendedPrincipal\",\"id\":\"p\",\"userId\":\"u\","
                 "\"authenticatorId\":\"a\",\"authenticatorType\":\"passkey\",\"createdAt\":1,"
                 "\"expiresAt\":2,\"passkey\":%s}",
                 number);
        return read_principal(body, strlen(body));
}

/* A number that overflows spoils only a field that decides, */
static void test_numbers_that_overflow(void **state)
{
        static const char *const numbers[] = {"1e999", "-1e999", "9223372036854775808",
                                              "-99999999999999999999"};

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                char body[512];

                snprintf(body, sizeof(body), "%.*s,\"new\":[{\"a\\\"\":%s}]}",
                         (int) strlen(token_reply) - 1, token_reply, numbers[i]);
                assert_int_equal(read_token(body, strlen(body)), 0);
                snprintf(body, sizeof(body),
                         "{\"_tag\":\"AuthorizedPasskeyRegistration\",\"registrationToken\":\"rt\","
                         "\"expiresAt\":%s}",
                         numbers[i]);
                assert_int_equal(read_token(body, strlen(body)), ERROR_MALFORMED_REPLY);
                snprintf(body, sizeof(body),
                         "{\"_tag\":\"ExtendedPrincipal\",\"id\":\"p\",\"userId\":\"u\","
                         "\"authenticatorId\":\"a\",\"authenticatorType\":\"passkey\","
                         "\"createdAt\":1,\"expiresAt\":2,\"metadata\":{\"userAgent\":%s}}",
                         numbers[i]);
                assert_int_equal(read_principal(body, strlen(body)), 0);
                /* also where null would stand for one that is absent. */
                assert_int_equal(read_passkey_of(numbers[i]), ERROR_MALFORMED_REPLY);
        }
}

/* Whole bodies that cannot be made by replacing a field. */
static void test_malformed(void **state)
{
#define TOKEN_HEAD "{\"_tag\":\"AuthorizedPasskeyRegistration\",\"expiresAt\":1,"
        static const char *const bodies[] = {
                "",
                " ",
                "null",
                "1",
                "[]",
                "\"AuthorizedPasskeyRegistration\"",
                "{}",
                "<html><body>Welcome</body></html>",
                TOKEN_HEAD "\"registrationToken\":\"rt_1\"",    /* cut off */
                TOKEN_HEAD "\"registrationToken\":\"rt_1\"}x",  /* trailing */
                TOKEN_HEAD "\"registrationToken\":\"rt_1\"}{}", /* two */
                TOKEN_HEAD
                "\"registrationToken\":\"rt_1\",\"registrationToken\":\"rt_2\"}", /* twice */
                TOKEN_HEAD "\"registrationToken\":\"rt_1\",\"new\":1,\"new\":1}",
                TOKEN_HEAD "\"registrationToken\":\"rt\\u00001\"}", /* NUL */
                TOKEN_HEAD "\"registrationToken\":\"rt_\xff\"}",    /* not UTF-8 */
                TOKEN_HEAD "\"registrationToken\":\"rt_\xc0\xaf\"}",
                TOKEN_HEAD "\"registrationToken\":\"rt_\\ud800\"}", /* half a surrogate pair */
                TOKEN_HEAD "\"registrationToken\":\"rt_1\",\"new\":NaN}",
                TOKEN_HEAD "'registrationToken':'rt_1'}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
                assert_int_equal(read_token(bodies[i], strlen(bodies[i])), ERROR_MALFORMED_REPLY);
        assert_int_equal(read_token(token_reply, sizeof(token_reply)), ERROR_MALFORMED_REPLY);
}

static void test_deep_nesting(void **state)
{
        const size_t depth = API_REPLY_LEN_MAX;
        _cleanup_(freep) char *body = malloc(depth);

        assert_non_null(body);
        memset(body, '[', depth);
        assert_int_equal(read_token(body, depth), ERROR_MALFORMED_REPLY);
        for (size_t i = 0; i + 5 <= depth; i += 5)
                memcpy(body + i, "{\"a\":", 5);
        assert_int_equal(read_principal(body, depth), ERROR_MALFORMED_REPLY);
}

static void assert_written(const Registration *registration, const char *expected)
{
        _cleanup_(freep) char *body = NULL;

        assert_int_equal(api_json_write_registration(registration, &body), 0);
        assert_string_equal(body, expected);
}

static void test_write_registration(void **state)
{
        char *excluded[] = {(char *) "pk1", (char *) "pk\"2", NULL}, *none[] = {NULL};
        Registration registration = {
                .rp_id = (char *) "Shop.EXAMPLE.com",
                .rp_name = (char *) "The Shop",
                .user_id = (char *) "User-42",
                .username = (char *) "Zo\xc3\xab",
        };
        const char *bare = "{\"rpId\":\"shop.example.com\",\"rpName\":\"The Shop\","
                           "\"userId\":\"User-42\",\"username\":\"Zo\xc3\xab\"}";

        assert_written(&registration, bare);
        registration.exclude_credentials = none;
        assert_written(&registration, bare);

        registration.display_name = (char *) "Ada \\ L.";
        registration.exclude_credentials = excluded;
        registration.user_verification = (char *) "required";
        registration.timeout_ms = UINT32_MAX;
        assert_written(
                &registration,
                "{\"rpId\":\"shop.example.com\",\"rpName\":\"The Shop\","
                "\"userId\":\"User-42\",\"username\":\"Zo\xc3\xab\","
                "\"displayName\":\"Ada \\\\ L.\",\"excludeCredentials\":[\"pk1\",\"pk\\\"2\"],"
                "\"userVerification\":\"required\",\"timeout\":4294967295}");
        assert_string_equal(registration.rp_id, "Shop.EXAMPLE.com");
}

static void test_unwritable_registration(void **state)
{
        char *bad_ids[] = {(char *) "pk\xff", NULL};
        const Registration good = {
                .rp_id = (char *) "a",
                .rp_name = (char *) "b",
                .user_id = (char *) "c",
                .username = (char *) "d",
        };
        Registration cases[6];
        char *untouched = (char *) 1;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                cases[i] = good;
        cases[0].rp_id = NULL;
        cases[1].rp_name = NULL;
        cases[2].user_id = NULL;
        cases[3].username = NULL;
        cases[4].display_name = (char *) "\xff";
        cases[5].exclude_credentials = bad_ids;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_int_equal(api_json_write_registration(&cases[i], &untouched), -EINVAL);
        assert_ptr_equal(untouched, (char *) 1);
}

static void assert_authentication(const Authentication *authentication, const char *expected)
{
        _cleanup_(freep) char *body = NULL;

        assert_int_equal(api_json_write_authentication(authentication, &body), 0);
        assert_string_equal(body, expected);
}

static void test_write_authentication(void **state)
{
        char *allowed[] = {(char *) "pk1", (char *) "pk2", NULL}, *none[] = {NULL};
        Authentication authentication = {
                .rp_id = (char *) "LocalHost",
                .user_id = (char *) "User-42",
                .allow_credentials = none,
        };

        assert_authentication(&authentication, "{\"rpId\":\"localhost\",\"userId\":\"User-42\"}");
        authentication.allow_credentials = allowed;
        authentication.mediation = (char *) "required";
        authentication.user_verification = (char *) "discouraged";
        authentication.timeout_ms = 1;
        assert_authentication(&authentication,
                              "{\"rpId\":\"localhost\",\"userId\":\"User-42\","
                              "\"allowCredentials\":[\"pk1\",\"pk2\"],\"mediation\":\"required\","
                              "\"userVerification\":\"discouraged\",\"timeout\":1}");

        authentication = (Authentication){
                .rp_id = (char *) "localhost",
                .discoverable = true,
                .mediation = (char *) "conditional",
        };
        assert_authentication(&authentication, "{\"rpId\":\"localhost\",\"discoverable\":true,"
                                               "\"mediation\":\"conditional\"}");
}

static void test_unwritable_authentication(void **state)
{
        char *bad_ids[] = {(char *) "", NULL};
        const Authentication cases[] = {
                {.user_id = (char *) "u"},
                {.rp_id = (char *) "\xff", .user_id = (char *) "u"},
                {.rp_id = (char *) "a", .user_id = (char *) "\xff"},
                {.rp_id = (char *) "a", .allow_credentials = bad_ids},
                {.rp_id = (char *) "a", .discoverable = true, .user_verification = (char *) "\xff"},
                /* each kind of invalid text */
                {.rp_id = (char *) "a"},
                {.rp_id = (char *) "a", .discoverable = true, .user_id = (char *) "u"},
                {.rp_id = (char *) "a", .discoverable = true, .allow_credentials = bad_ids},
                {.rp_id = (char *) "a",
                 .user_id = (char *) "u",
                 .mediation = (char *) "conditional"},
        };
        char *untouched = (char *) 1;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_int_equal(api_json_write_authentication(&cases[i], &untouched), -EINVAL);
        assert_ptr_equal(untouched, (char *) 1);
}

/* The metadata of a principal with a field replaced; the caller's. */
static Principal *principal_with(const char *path, const char *value)
{
        _cleanup_(freep) char *body = reply_changed(principal_reply, path, value);
        Principal *principal = NULL;

        assert_int_equal(api_json_read_principal(body, strlen(body), &principal), 0);
        assert_string_equal(principal->user_id, "user-42");
        assert_true(principal->verified);
        return principal;
}

#define LETTERS_255 \
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Too long: truncated at a character boundary; invalid text: dropped. */
static void test_informational_fields(void **state)
{
        static const struct {
                const char *value, *expected;
        } names[] = {
                {"\"Keychain\"", "Keychain"},
                {"\"" LETTERS_255 "bcd\"", LETTERS_255 "b"},
                {"\"" LETTERS_255 "\xc3\xab\"", LETTERS_255},
                {"\"" LETTERS_255 "\xf0\x9f\x94\x91\"", LETTERS_255},
                /* the truncated part may be invalid */
                {"\"" LETTERS_255 "b\\n\"", LETTERS_255 "b"},
                {"\"a\\tb\"", NULL},
                {"\"a\\u0085b\"", NULL},
                {"\"a\\ufffeb\"", NULL},
                {"\"\\ud83f\\udfff\"", NULL},
                {"\"\"", NULL},
                {"7", NULL},
                {"{\"name\":\"a\"}", NULL},
                {"[\"a\"]", NULL},
                {"null", NULL},
                {NULL, NULL},
        };
        _cleanup_(freep) char *long_agent = letters(5000), *long_address = letters(65);

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_(principal_freep) Principal *principal =
                        principal_with("passkey/platformName", names[i].value);

                if (names[i].expected)
                        assert_string_equal(principal->platform_name, names[i].expected);
                else
                        assert_null(principal->platform_name);
                assert_string_equal(principal->user_agent, "Browser/1.0");
        }

        Principal *principal = principal_with("metadata/userAgent", long_agent);
        assert_int_equal(strlen(principal->user_agent), 4096);
        assert_string_equal(principal->ip_address, "127.0.0.1");
        principal_free(principal);

        /* a truncated address is another address */
        principal = principal_with("metadata/ipAddress", long_address);
        assert_null(principal->ip_address);
        assert_string_equal(principal->user_agent, "Browser/1.0");
        principal_free(principal);

        principal = principal_with("metadata", "\"x\"");
        assert_null(principal->ip_address);
        assert_null(principal->user_agent);
        assert_string_equal(principal->platform_name, "Keychain");
        principal_free(principal);
}

/* An invalid string fails only deciding fields. */
static void test_repaired_strings(void **state)
{
        static const char *const odd[] = {
                "a\\ud83d", "\\udd11", "\\ud83dx\\udd11", "\\ud83d\\u0041", "a\\u0000b",
                "a\xff",    "\xc3",    "\xed\xa0\x80",    "\\\\\\ud83d",    "\\uDD11\\\"",
        };

        for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
                _cleanup_(principal_freep) Principal *principal = NULL;
                char body[1024];

                snprintf(body, sizeof(body),
                         "{\"_tag\":\"ExtendedPrincipal\",\"id\":\"pr1\",\"userId\":"
                         "\"\\ud83d\\udd11\","
                         "\"authenticatorId\":\"pk5\",\"authenticatorType\":\"passkey\","
                         "\"passkey\":{\"verified\":true,\"userVerified\":true,"
                         "\"platformName\":\"%s\"},\"createdAt\":1,\"expiresAt\":2,"
                         "\"metadata\":{\"ipAddress\":\"::1\",\"userAgent\":\"%s\"}}",
                         odd[i], odd[i]);
                assert_int_equal(api_json_read_principal(body, strlen(body), &principal), 0);
                assert_string_equal(principal->user_id, "\xf0\x9f\x94\x91");
                assert_string_equal(principal->ip_address, "::1");
                assert_null(principal->platform_name);
                assert_null(principal->user_agent);

                snprintf(body, sizeof(body),
                         "{\"_tag\":\"AuthorizedPasskeyRegistration\",\"expiresAt\":1,"
                         "\"registrationToken\":\"rt_%s\"}",
                         odd[i]);
                assert_int_equal(read_token(body, strlen(body)), ERROR_MALFORMED_REPLY);
        }
}

static void test_errors(void **state)
{
        static const struct {
                const char *body, *tag;
                uint32_t retry_after_s;
        } cases[] = {
                {"{\"_tag\":\"@error/InvalidCode\",\"message\":\"m\"}", "@error/InvalidCode", 0},
                {"{\"_tag\":\"@error/X\",\"message\":\"\\ud800\"}", "@error/X", 0},
                {"{\"_tag\":\"@error/X\",\"n\":1e999}", "@error/X", 0},
                {"{\"_tag\":\"@error/X\",\"retryAfterSeconds\":1e999}", "@error/X", UINT32_MAX},
                {"{\"_tag\":1}", "", 0},
                {"{\"_tag\":\"\"}", "", 0},
                {"{\"_tag\":\"@error/InvalidCode\\u0000\"}", "", 0},
                {"{\"_tag\":\"@error/InvalidCode\\n\"}", "", 0},
                {"{\"_tag\":\"" LETTERS_255 "\"}", "", 0},
                {"{\"_tag\":\"@error/InvalidCode\"", "", 0},
                {"{\"_tag\":\"a\",\"_tag\":\"a\"}", "", 0},
                {"{}", "", 0},
                {"[]", "", 0},
                {"", "", 0},
                {"slow down", "", 0},
                {"<html>Not Found</html>", "", 0},
                {"{\"_tag\":\"@error/ChallengeRateLimited\",\"retryAfterSeconds\":45}",
                 "@error/ChallengeRateLimited", 45},
                {"{\"retryAfterSeconds\":4294967295}", "", UINT32_MAX},
                {"{\"retryAfterSeconds\":4294967296}", "", UINT32_MAX},
                {"{\"retryAfterSeconds\":-1}", "", 0},
                {"{\"retryAfterSeconds\":1.5}", "", 2},
                {"{\"retryAfterSeconds\":1e3}", "", 1000},
                {"{\"retryAfterSeconds\":\"45\"}", "", RETRY_AFTER_UNREADABLE_S},
                {"{\"retryAfterSeconds\":null}", "", RETRY_AFTER_UNREADABLE_S},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                ApiErrorBody error = {.tag = "untouched", .retry_after_s = 7};

                assert_int_equal(api_json_read_error(cases[i].body, strlen(cases[i].body), &error),
                                 0);
                assert_string_equal(error.tag, cases[i].tag);
                assert_int_equal(error.retry_after_s, cases[i].retry_after_s);
        }
}

static int read_denial(const char *body, size_t body_len)
{
        ApiErrorBody error = {};
        int r;

        r = api_json_read_error(body, body_len, &error);
        if (r == 0)
                assert_string_equal(error.tag, "@error/Forbidden");
        return r;
}

static void test_no_memory(void **state)
{
        assert_survives_no_memory(read_token, token_reply);
        assert_survives_no_memory(read_principal, principal_reply);
        assert_survives_no_memory(read_denial, "{\"_tag\":\"@error/Forbidden\"}");
}

static void test_freed_memory_is_wiped(void **state)
{
        json_malloc_t allocate;
        json_free_t release;

        json_wipe_memory();
        json_get_alloc_funcs(&allocate, &release);
        assert_true(allocate == counted_malloc);
        assert_true(release == wiping_free);
        json_set_alloc_funcs(malloc, free);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_token),
                cmocka_unit_test(test_principal),
                cmocka_unit_test(test_principal_without_options),
                cmocka_unit_test(test_every_field),
                cmocka_unit_test(test_times),
                cmocka_unit_test(test_extra_fields),
                cmocka_unit_test(test_numbers_that_overflow),
                cmocka_unit_test(test_malformed),
                cmocka_unit_test(test_deep_nesting),
                cmocka_unit_test(test_write_registration),
                cmocka_unit_test(test_unwritable_registration),
                cmocka_unit_test(test_write_authentication),
                cmocka_unit_test(test_unwritable_authentication),
                cmocka_unit_test(test_errors),
                cmocka_unit_test(test_informational_fields),
                cmocka_unit_test(test_repaired_strings),
                cmocka_unit_test(test_no_memory),
                cmocka_unit_test(test_freed_memory_is_wiped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

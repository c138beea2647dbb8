/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "daemon/api/api-json.h"
#include "tests/unit/daemon/api/json-fields.h"
#include "tests/unit/test.h"

#define READABLE \
        "\"challengeId\":\"ch1\",\"purpose\":\"login\",\"email\":\"ada@example.com\"," \
        "\"userId\":\"user-42\",\"metadata\":{\"z\":1,\"a\":[true,null]}," \
        "\"createdAt\":1767225600000,\"expiresAt\":1767226200000"
/* Some of these numbers fit neither an integer nor a double. */
#define NUMBERS   "{\"a\":[12345678901234567890,-1e999,0.1,1E+2,-0,\"1e999 , \"],\"b\":{}}"
#define CHALLENGE "{\"_tag\":\"Challenge\"," READABLE "}"

static const char created_reply[] =
        "{\"_tag\":\"ChallengeCreated\",\"challenge\":{" READABLE ",\"secret\":\"sQ7w\","
        "\"code\":\"407215\",\"message\":{\"html\":\"<p>Your code:\\n<b>407215</b></p>\","
        "\"text\":\"Your code:\\r\\n\\t407215\"}}}";

static const char challenge_reply[] = CHALLENGE;

static const char verified_reply[] = "{\"_tag\":\"ChallengeVerified\",\"challenge\":" CHALLENGE "}";

static int read_with(int (*read)(const char *body, size_t body_len, Challenge **ret),
                     const char *body, size_t body_len)
{
        Challenge *challenge = NULL;
        int r;

        r = read(body, body_len, &challenge);
        assert_true((r == 0) == (challenge != NULL));
        challenge_free(challenge);
        return r;
}

static int read_created(const char *body, size_t body_len)
{
        return read_with(api_json_read_created_challenge, body, body_len);
}

static int read_challenge(const char *body, size_t body_len)
{
        return read_with(api_json_read_challenge, body, body_len);
}

static int read_verified(const char *body, size_t body_len)
{
        return read_with(api_json_read_verified_challenge, body, body_len);
}

static void assert_readable(const Challenge *challenge)
{
        assert_string_equal(challenge->id, "ch1");
        assert_string_equal(challenge->purpose, "login");
        assert_string_equal(challenge->email, "ada@example.com");
        assert_string_equal(challenge->user_id, "user-42");
        assert_string_equal(challenge->metadata, "{\"z\":1,\"a\":[true,null]}");
        assert_int_equal(challenge->created_at_ms, 1767225600000);
        assert_int_equal(challenge->expires_at_ms, 1767226200000);
}

static void test_created(void **state)
{
        _cleanup_(challenge_freep) Challenge *challenge = NULL;

        assert_int_equal(
                api_json_read_created_challenge(created_reply, strlen(created_reply), &challenge),
                0);
        assert_readable(challenge);
        assert_string_equal(challenge->secret, "sQ7w");
        assert_string_equal(challenge->code, "407215");
        assert_string_equal(challenge->message_html, "<p>Your code:\n<b>407215</b></p>");
        assert_string_equal(challenge->message_text, "Your code:\r\n\t407215");
}

/* Unexpected secrets are dropped. */
static void test_readable(void **state)
{
        static const char with_secrets[] =
                "{\"_tag\":\"Challenge\"," READABLE ",\"secret\":\"s\",\"code\":\"c\"}";
        Challenge *challenge = NULL;

        assert_int_equal(
                api_json_read_challenge(challenge_reply, strlen(challenge_reply), &challenge), 0);
        assert_readable(challenge);
        challenge_free(challenge);

        assert_int_equal(api_json_read_verified_challenge(verified_reply, strlen(verified_reply),
                                                          &challenge),
                         0);
        assert_readable(challenge);
        challenge_free(challenge);

        assert_int_equal(api_json_read_challenge(with_secrets, strlen(with_secrets), &challenge),
                         0);
        assert_null(challenge->secret);
        assert_null(challenge->code);
        assert_null(challenge->message_html);
        assert_null(challenge->message_text);
        challenge_free(challenge);
}

static void test_without_options(void **state)
{
        static const char *const replies[] = {
                "{\"_tag\":\"Challenge\",\"challengeId\":\"c\",\"purpose\":\"p\",\"email\":\"a@b\","
                "\"createdAt\":1,\"expiresAt\":2}",
                "{\"_tag\":\"Challenge\",\"challengeId\":\"c\",\"purpose\":\"p\",\"email\":\"a@b\","
                "\"userId\":null,\"metadata\":null,\"createdAt\":1,\"expiresAt\":2}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
                _cleanup_(challenge_freep) Challenge *challenge = NULL;

                assert_int_equal(
                        api_json_read_challenge(replies[i], strlen(replies[i]), &challenge), 0);
                assert_null(challenge->user_id);
                assert_null(challenge->metadata);
        }
}

#define READABLE_FIELDS(prefix) \
        {prefix "challengeId", 's', .len_max = 512}, {prefix "purpose", 's', .len_max = 64}, \
                {prefix "email", 's'}, {prefix "userId", 's', .optional = true, .len_max = 256}, \
                {prefix "metadata", 'o', .optional = true}, {prefix "createdAt", 'n'}, \
        { \
                prefix "expiresAt", 'n' \
        }

static const Field created_fields[] = {
        {"_tag", 's'},
        {"challenge", 'o'},
        READABLE_FIELDS("challenge/"),
        {"challenge/secret", 's', .len_max = 512},
        {"challenge/code", 's', .len_max = 64},
        {"challenge/message", 'o'},
        {"challenge/message/html", 's', .prose = true, .len_max = 65536},
        {"challenge/message/text", 's', .prose = true, .len_max = 65536},
};

static const Field challenge_fields[] = {
        {"_tag", 's'},
        READABLE_FIELDS(""),
};

static const Field verified_fields[] = {
        {"_tag", 's'},
        {"challenge", 'o'},
        {"challenge/_tag", 's'},
        READABLE_FIELDS("challenge/"),
};

static void test_every_field(void **state)
{
        assert_fields(read_created, created_reply, created_fields, ARRAY_SIZE(created_fields));
        assert_fields(read_challenge, challenge_reply, challenge_fields,
                      ARRAY_SIZE(challenge_fields));
        assert_fields(read_verified, verified_reply, verified_fields, ARRAY_SIZE(verified_fields));
}

static void test_values(void **state)
{
        static const struct {
                const char *path, *value;
                int r;
        } cases[] = {
                {"purpose", "\"a b\"", ERROR_MALFORMED_REPLY},
                {"purpose", "\"a.B:_-9\"", 0},
                {"email", "\"a@b\"", 0},
                {"email", "\"a@b@c\"", ERROR_MALFORMED_REPLY},
                {"email", "\"@b\"", ERROR_MALFORMED_REPLY},
                {"email", "\"a@b\\r\\nBcc: c@d\"", ERROR_MALFORMED_REPLY},
                {"metadata", "{}", 0},
                {"metadata", "{\"a\":{\"b\":[1.5,\"\\n\"]}}", 0},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_int_equal(read_changed(read_challenge, challenge_reply, cases[i].path,
                                              cases[i].value),
                                 cases[i].r);
        assert_int_equal(read_changed(read_created, created_reply, "challenge/_tag", "1"), 0);
}

/* A mail that D-Bus cannot carry is dropped; one with an odd character is repaired. */
static void test_odd_messages(void **state)
{
        static const struct {
                const char *text, *expected;
        } messages[] = {
                {"Your code:\\r\\n\\t407215 \\u0007", "Your code:\r\n\t407215 \a"},
                {"", ""},
                {"Dear \\ud83d, 407215", "Dear \x7f, 407215"},
                {"a\\u0000b", "a\x7f"
                              "b"},
                {"a\xff", "a\x7f"},
                {"\\ufffe", NULL},
                {"\\udbff\\udfff", NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
                _cleanup_(challenge_freep) Challenge *challenge = NULL;
                char body[1024];

                snprintf(body, sizeof(body),
                         "{\"_tag\":\"ChallengeCreated\",\"challenge\":{" READABLE
                         ",\"secret\":\"s\",\"code\":\"c\",\"message\":{\"html\":\"h\","
                         "\"text\":\"%s\"}}}",
                         messages[i].text);
                assert_int_equal(api_json_read_created_challenge(body, strlen(body), &challenge),
                                 0);
                assert_string_equal(challenge->secret, "s");
                assert_string_equal(challenge->message_html, "h");
                if (messages[i].expected)
                        assert_string_equal(challenge->message_text, messages[i].expected);
                else
                        assert_null(challenge->message_text);
        }
}

/* Metadata is returned escaped if D-Bus cannot carry it verbatim. */
static void test_odd_metadata(void **state)
{
        static const struct {
                const char *metadata, *expected;
        } cases[] = {
                {"{\"a\":\"\xc3\xab\"}", "{\"a\":\"\xc3\xab\"}"},
                {"{\"a\":\"\\n\"}", "{\"a\":\"\\n\"}"},
                {"{\"a\":\"\\ufffe\"}", "{\"a\":\"\\uFFFE\"}"},
                {"{\"a\":\"\\udbff\\udfff\"}", "{\"a\":\"\\uDBFF\\uDFFF\"}"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(freep) char *body =
                        reply_changed(challenge_reply, "metadata", cases[i].metadata);
                _cleanup_(challenge_freep) Challenge *challenge = NULL;

                assert_int_equal(api_json_read_challenge(body, strlen(body), &challenge), 0);
                assert_string_equal(challenge->metadata, cases[i].expected);
        }
}

/* Also if the metadata comes between other objects, or with white space. */
static void test_metadata_numbers(void **state)
{
        static const char *const bodies[] = {
                "{\"_tag\":\"Challenge\",\"x\":{\"metadata\":{}},\"metadata\":" NUMBERS
                ",\"challengeId\":\"c\",\"purpose\":\"p\",\"email\":\"a@b\",\"createdAt\":1,"
                "\"expiresAt\":2,\"y\":1e999}",
                " { \"_tag\" : \"Challenge\" , \"challengeId\" : \"c\" , \"purpose\" : \"p\" ,\n"
                "\"email\":\"a@b\",\"createdAt\":1,\"expiresAt\":2,\"metadata\":\n"
                " { \"a\" : [ 12345678901234567890, -1e999,\t0.1,1E+2,-0,\"1e999 , \" ], \"b\":{ "
                "}}\n} ",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
                _cleanup_(challenge_freep) Challenge *challenge = NULL;

                assert_int_equal(api_json_read_challenge(bodies[i], strlen(bodies[i]), &challenge),
                                 0);
                assert_string_equal(challenge->metadata, NUMBERS);
        }
}

static char *metadata_of(size_t len)
{
        _cleanup_(freep) char *value = letters(len - strlen("{\"a\":\"\"}"));
        char *text = NULL;

        assert_int_equal(asprintf(&text, "{\"a\":%s}", value), len);
        return text;
}

static void test_metadata_bounds(void **state)
{
        _cleanup_(freep) char *longest = metadata_of(4096), *too_long = metadata_of(4097);

        assert_int_equal(read_changed(read_challenge, challenge_reply, "metadata", longest), 0);
        assert_int_equal(read_changed(read_challenge, challenge_reply, "metadata", too_long),
                         ERROR_MALFORMED_REPLY);
}

static void assert_written(const ChallengeRequest *request, const char *expected)
{
        _cleanup_(freep) char *body = NULL;

        assert_int_equal(api_json_write_challenge(request, &body), 0);
        assert_string_equal(body, expected);
}

static void test_write(void **state)
{
        ChallengeRequest request = {.email = "ada@example.com", .purpose = "login"};
        _cleanup_(freep) char *body = NULL;

        assert_written(&request, "{\"email\":\"ada@example.com\",\"purpose\":\"login\","
                                 "\"sendEmail\":false}");
        request.name = "Ada";
        request.user_id = "user-42";
        request.metadata = " { \"z\" : 1, \"a\" : [ true, null, 0.5 ] } ";
        request.invalidate_others = true;
        request.skip_rate_limit = true;
        request.send_email = true;
        assert_written(&request,
                       "{\"email\":\"ada@example.com\",\"name\":\"Ada\",\"purpose\":\"login\","
                       "\"userId\":\"user-42\",\"invalidateOthers\":true,"
                       "\"skipRateLimit\":true,\"sendEmail\":true,"
                       "\"metadata\":{\"z\":1,\"a\":[true,null,0.5]}}");

        assert_int_equal(api_json_write_verification("ch1", "s\"1", "407215", &body), 0);
        assert_string_equal(body,
                            "{\"challengeId\":\"ch1\",\"secret\":\"s\\\"1\",\"code\":\"407215\"}");
}

static void test_write_metadata(void **state)
{
        static const char *const bad[] = {
                "",
                " ",
                "null",
                "[]",
                "1",
                "\"a\"",
                "{",
                "{}x",
                "{}{}",
                "{\"a\":1,\"a\":2}",
                "{\"b\":{\"a\":1,\"a\":2}}",
                "{\"a\":\"\\u0000\"}",
                "{\"a\":NaN}",
                "{\"a\":\"\xff\"}",
        };
        _cleanup_(freep) char *longest = metadata_of(4096), *too_long = metadata_of(4097);
        _cleanup_(freep) char *spacious = NULL, *body = NULL, *deep = NULL;
        ChallengeRequest request = {.email = "a@b", .purpose = "p"};
        char *untouched = (char *) 1, numbers[] = NUMBERS;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                request.metadata = bad[i];
                assert_int_equal(api_json_write_challenge(&request, &untouched),
                                 ERROR_INVALID_ARGS);
        }
        request.metadata = too_long;
        assert_int_equal(api_json_write_challenge(&request, &untouched), ERROR_INVALID_ARGS);
        /* nesting too deep */
        deep = malloc(100000);
        assert_non_null(deep);
        memset(deep, '[', 99999);
        memcpy(deep, "{\"a\":", 5);
        deep[99999] = '\0';
        request.metadata = deep;
        assert_int_equal(api_json_write_challenge(&request, &untouched), ERROR_INVALID_ARGS);
        assert_ptr_equal(untouched, (char *) 1);

        /* numbers are passed on as they are */
        request.metadata = numbers;
        assert_int_equal(api_json_write_challenge(&request, &body), 0);
        assert_non_null(strstr(body, "\"metadata\":" NUMBERS "}"));
        free(body);
        body = NULL;

        /* the limit applies to the serialised form */
        assert_true(asprintf(&spacious, "    %s    ", longest) > 4096);
        request.metadata = spacious;
        assert_int_equal(api_json_write_challenge(&request, &body), 0);
        assert_non_null(strstr(body, longest));
}

static void test_unwritable(void **state)
{
        const ChallengeRequest cases[] = {
                {.purpose = "p"},
                {.email = "a@b"},
                {.email = "a@\xff", .purpose = "p"},
                {.email = "a@b", .purpose = "p", .name = "\xff"},
                {.email = "a@b", .purpose = "p", .user_id = "\xff"},
        };
        char *untouched = (char *) 1;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_int_equal(api_json_write_challenge(&cases[i], &untouched), -EINVAL);
        assert_int_equal(api_json_write_verification(NULL, "s", "c", &untouched), -EINVAL);
        assert_int_equal(api_json_write_verification("i", NULL, "c", &untouched), -EINVAL);
        assert_int_equal(api_json_write_verification("i", "s", NULL, &untouched), -EINVAL);
        assert_int_equal(api_json_write_verification("i", "s", "\xff", &untouched), -EINVAL);
        assert_ptr_equal(untouched, (char *) 1);
}

static void test_deleted(void **state)
{
        static const char good[] = "{\"_tag\":\"ChallengeDeleted\",\"new\":1}";
        static const char *const bad[] = {"", "{}", "[]", "{\"_tag\":\"Challenge\"}",
                                          "{\"_tag\":null}"};

        assert_int_equal(api_json_check_challenge_deleted(good, strlen(good)), 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(api_json_check_challenge_deleted(bad[i], strlen(bad[i])),
                                 ERROR_MALFORMED_REPLY);
}

static void test_key_set(void **state)
{
        static const char good[] = "{\"keys\":[],\"new\":1}";
        static const char *const bad[] = {
                "", "{}", "[]", "{\"keys\":{}}", "{\"keys\":null}", "{\"keys\":[],\"keys\":[]}",
        };

        assert_int_equal(api_json_check_key_set(good, strlen(good)), 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(api_json_check_key_set(bad[i], strlen(bad[i])),
                                 ERROR_MALFORMED_REPLY);
        /* passed as NUL-terminated text */
        assert_int_equal(api_json_check_key_set(good, sizeof(good)), ERROR_MALFORMED_REPLY);
}

static void test_no_memory(void **state)
{
        assert_survives_no_memory(read_created, created_reply);
        assert_survives_no_memory(read_verified, verified_reply);
        assert_survives_no_memory(api_json_check_key_set, "{\"keys\":[]}");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_created),         cmocka_unit_test(test_readable),
                cmocka_unit_test(test_without_options), cmocka_unit_test(test_every_field),
                cmocka_unit_test(test_values),          cmocka_unit_test(test_odd_messages),
                cmocka_unit_test(test_odd_metadata),    cmocka_unit_test(test_metadata_numbers),
                cmocka_unit_test(test_metadata_bounds), cmocka_unit_test(test_write),
                cmocka_unit_test(test_write_metadata),  cmocka_unit_test(test_unwritable),
                cmocka_unit_test(test_deleted),         cmocka_unit_test(test_key_set),
                cmocka_unit_test(test_no_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Validation of request bodies, through route_answer(). */

#include <stdio.h>

#include "sandbox/http/route.h"
#include "tests/unit/test.h"

#define GOOD          "\"rpId\":\"example.org\",\"rpName\":\"Shop\",\"userId\":\"u\",\"username\":\"ada\""
#define WITHOUT_RP_ID "\"rpName\":\"Shop\",\"userId\":\"u\",\"username\":\"ada\""

static Sandbox *sandbox;

static Call post(const char *path, const char *body)
{
        return (Call){
                .sandbox = sandbox,
                .method = "POST",
                .path = path,
                .authorization = "Bearer key",
                .content_type = "application/json",
                .body = body,
                .body_len = body ? strlen(body) : 0,
        };
}

static Reply *answer(Call *call)
{
        const Route *route = route_find(call);
        Reply *reply;

        assert_non_null(route);
        reply = route_answer(route, call);
        call_done(call);
        return reply;
}

static void expect(Call call, unsigned status, const char *tag, const char *about)
{
        _cleanup_(reply_freep) Reply *reply = answer(&call);
        const char *message = json_string_value(json_object_get(reply->json, "message"));

        if (reply->status != status)
                fail_msg("%s: status %u: %s", call.body, reply->status, message);
        assert_string_equal(reply->type, "application/json");
        assert_string_equal(json_string_value(json_object_get(reply->json, "_tag")), tag);
        if (about)
                assert_non_null(strstr(message, about));
}

static void authorize(const char *body, const char *about)
{
        Call call = post("/v2/T/passkey/registration/authorize", body);

        if (about)
                expect(call, 400, "@error/BadRequest", about);
        else
                expect(call, 200, "AuthorizedPasskeyRegistration", NULL);
}

static void test_authorize(void **state)
{
        static const struct {
                const char *body;
                const char *about; /* NULL: accepted */
        } cases[] = {
                {"{" GOOD "}", NULL},
                {"{" GOOD ",\"whatever\":null}", NULL},
                {"{" GOOD ",\"displayName\":\"\"}", NULL},
                {"{" GOOD ",\"displayName\":null}", "displayName"},
                {"{" GOOD ",\"displayName\":7}", "displayName"},
                {"{" GOOD ",\"userVerification\":\"required\"}", NULL},
                {"{" GOOD ",\"userVerification\":\"Required\"}", "userVerification"},
                {"{" GOOD ",\"userVerification\":null}", "userVerification"},
                {"{" GOOD ",\"timeout\":1}", NULL},
                {"{" GOOD ",\"timeout\":60000.0}", NULL},
                {"{" GOOD ",\"timeout\":0}", "timeout"},
                {"{" GOOD ",\"timeout\":0.5}", "timeout"},
                {"{" GOOD ",\"timeout\":3600000}", NULL},
                {"{" GOOD ",\"timeout\":3600001}", "timeout"},
                {"{" GOOD ",\"timeout\":1e300}", "timeout"},
                {"{" GOOD ",\"timeout\":\"1\"}", "timeout"},
                {"{" GOOD ",\"excludeCredentials\":[]}", NULL},
                {"{" GOOD ",\"excludeCredentials\":[\"a\",\"b\"]}", NULL},
                {"{" GOOD ",\"excludeCredentials\":[\"\"]}", "excludeCredentials"},
                {"{" GOOD ",\"excludeCredentials\":[1]}", "excludeCredentials"},
                {"{" GOOD ",\"excludeCredentials\":\"a\"}", "excludeCredentials"},
                {"{" GOOD ",\"userId\":\"v\"}", "JSON object"}, /* duplicate member */
                {"{" GOOD "", "JSON object"},
                {"[]", "JSON object"},
                {"", "JSON object"},
                {"{}", "rpId"},
                {"{\"rpId\":\"localhost\",\"userId\":\"u\",\"username\":\"a\"}", NULL},
                {"{\"rpId\":\"localhost\",\"rpName\":\" \\t\",\"userId\":\"u\",\"username\":\"a\"}",
                 "rpName must not be blank"},
                {"{\"rpId\":\"localhost\",\"rpName\":\"S\",\"userId\":\"\",\"username\":\"a\"}",
                 "userId"},
                {"{\"rpId\":\"localhost\",\"rpName\":\"S\",\"userId\":1,\"username\":\"a\"}",
                 "userId"},
                {"{\"rpId\":\"localhost\",\"rpName\":\"S\",\"userId\":\"u\",\"username\":\"\"}",
                 "username"},
                {"{\"rpId\":\"localhost\",\"rpName\":\"S\",\"userId\":\"u\","
                 "\"username\":\"a\\u0000b\"}",
                 "JSON object"},
                {"{\"rpId\":\"localhost\",\"rpName\":\"S\",\"userId\":\"u\",\"username\":\"\xff\"}",
                 "JSON object"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                authorize(cases[i].body, cases[i].about);
}

static void test_rp_id(void **state)
{
        static const struct {
                const char *rp_id;
                bool good;
        } cases[] = {
                {"localhost", true},
                {"LocalHost", true},
                {"example.org", true},
                {"a.b", true},
                {"login.1and1.com", true},
                {"xn--bcher-kva.example", true},
                {"127.0.0.1", false},
                {"[::1]", false},
                {"example", false},
                {"example.org.", false},
                {".example.org", false},
                {"a..b", false},
                {"https://a.b", false},
                {"a.b:443", false},
                {"a.b/c", false},
                {"-a.b", false},
                {"a-.b", false},
                {"a_b.c", false},
                {" a.b", false},
                {"b\xc3\xbc"
                 "cher.example",
                 false},
                {"", false},
        };
        char label[65] = "", body[512];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                snprintf(body, sizeof(body), "{\"rpId\":\"%s\"," WITHOUT_RP_ID "}", cases[i].rp_id);
                authorize(body, cases[i].good ? NULL : "rpId");
        }
        memset(label, 'a', 63);
        snprintf(body, sizeof(body), "{\"rpId\":\"%s.b\"," WITHOUT_RP_ID "}", label);
        authorize(body, NULL);
        label[63] = 'a';
        snprintf(body, sizeof(body), "{\"rpId\":\"%s.b\"," WITHOUT_RP_ID "}", label);
        authorize(body, "rpId");
}

static void authorize_with(const char *before, size_t len, const char *after, const char *about)
{
        char body[1024], text[512] = "";

        assert_true(len < sizeof(text));
        memset(text, 'a', len);
        snprintf(body, sizeof(body), "{%s\"%s\"%s}", before, text, after);
        authorize(body, about);
}

static void test_limits(void **state)
{
#define RP_ID "\"rpId\":\"a.b\","
        static const struct {
                const char *before, *after;
                size_t max;
                const char *about;
        } cases[] = {
                {RP_ID "\"rpName\":", ",\"userId\":\"u\",\"username\":\"n\"", 256, "rpName"},
                {RP_ID "\"rpName\":\"S\",\"userId\":", ",\"username\":\"n\"", 256, "userId"},
                {RP_ID "\"rpName\":\"S\",\"userId\":\"u\",\"username\":", "", 256, "username"},
                {GOOD ",\"displayName\":", "", 256, "displayName"},
                {GOOD ",\"excludeCredentials\":[", "]", 256, "excludeCredentials"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                authorize_with(cases[i].before, cases[i].max, cases[i].after, NULL);
                authorize_with(cases[i].before, cases[i].max + 1, cases[i].after, cases[i].about);
        }
}

static void test_many_excluded(void **state)
{
        for (size_t n = 256; n <= 257; n++) {
                _cleanup_(json_decrefp) json_t *request = json_loads("{" GOOD "}", 0, NULL);
                _cleanup_(freep) char *body = NULL;
                json_t *ids = json_array();

                for (size_t i = 0; i < n; i++)
                        json_array_append_new(ids, json_string("a"));
                json_object_set_new(request, "excludeCredentials", ids);
                body = json_dumps(request, 0);
                authorize(body, n > 256 ? "at most 256" : NULL);
        }
}

static void test_content_type(void **state)
{
        static const struct {
                const char *type;
                bool good;
        } cases[] = {
                {"application/json", true},
                {"Application/JSON", true},
                {"application/json; charset=utf-8", true},
                {"application/jsonp", false},
                {"text/plain", false},
                {"", false},
                {NULL, false},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Call call = post("/v2/T/passkey/registration/authorize", "{" GOOD "}");

                call.content_type = cases[i].type;
                if (cases[i].good)
                        expect(call, 200, "AuthorizedPasskeyRegistration", NULL);
                else
                        expect(call, 400, "@error/BadRequest", "Content-Type");
        }
}

static void test_admission(void **state)
{
        static const struct {
                const char *tenancy;
                const char *authorization;
                bool good;
        } cases[] = {
                {"T", "Bearer key", true},    {"T", "bEARER  key", true},
                {"T", NULL, false},           {"T", "", false},
                {"T", "Bearer", false},       {"T", "Bearer ", false},
                {"T", "Bearer other", false}, {"T", "Bearer ke", false},
                {"T", "Bearer keyy", false},  {"T", "Basic key", false},
                {"T", "key", false},          {"U", "Bearer key", false},
                {"U", "Bearer two", true},    {"T", "Bearer two", false},
                {"V", "Bearer key", false},   {"", "Bearer key", false},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char path[64];
                Call call;

                snprintf(path, sizeof(path), "/v2/%s/passkeys/", cases[i].tenancy);
                call = post(path, NULL);
                call.method = "GET";
                call.authorization = cases[i].authorization;
                if (cases[i].good)
                        expect(call, 200, "FindAllPasskeys", NULL);
                else
                        expect(call, 403, "@error/Forbidden", "denied");
        }
}

static void test_body_too_large(void **state)
{
        Call call = post("/v2/T/passkey/registration/authorize", NULL);

        call.body_too_large = true;
        expect(call, 413, "@error/BadRequest", "too large");
        call.authorization = NULL;
        expect(call, 403, "@error/Forbidden", NULL);
}

static void test_origin(void **state)
{
        static const char *const bad[] = {NULL, "", "null", "\xff"};
        Call call = post("/v2/T/passkey/registration/options", "{\"registrationToken\":\"x\"}");

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                call.origin = bad[i];
                expect(call, 400, "@error/BadRequest", "Origin");
        }
        call.origin = "http://localhost";
        expect(call, 400, "@error/BadRequest", "registrationToken");
        call.body = "{\"registrationToken\":7}";
        call.body_len = strlen(call.body);
        expect(call, 400, "@error/BadRequest", "registrationToken");
}

static void test_routes(void **state)
{
        static const struct {
                const char *method, *path;
                const char *argument; /* NULL: no route */
        } cases[] = {
                {"GET", "/v2/T/principal/abc", "abc"},
                {"GET", "/v2/T/principal/", ""},
                {"GET", "/v2/T/passkeys/abc", "abc"},
                {"GET", "/v2/T/passkeys/a%2Fb", "a%2Fb"},
                {"GET", "/v2/T/passkeys/a/b", NULL},
                {"POST", "/v2/T/passkeys/abc", NULL},
                {"GET", "/v2/T/principal", NULL},
                {"GET", "/v1/T/principal/abc", NULL},
                {"GET", "/", NULL},
                {"GET", "", NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Call call = {.method = cases[i].method, .path = cases[i].path};
                const Route *route = route_find(&call);

                assert_int_equal(!!route, !!cases[i].argument);
                if (route) {
                        assert_string_equal(call.tenancy_id, "T");
                        assert_string_equal(call.argument, cases[i].argument);
                }
                call_done(&call);
        }
        assert_true(route_is_for_pages("/v2/T/passkey/registration/options"));
        assert_false(route_is_for_pages("/v2/T/passkey/registration/authorize"));
        assert_false(route_is_for_pages("/-/faults"));
}

static int setup(void **state)
{
        assert_int_equal(sandbox_new(NULL, &sandbox), 0);
        sandbox_open_tenancy(sandbox, "T", "key");
        sandbox_open_tenancy(sandbox, "U", "two");
        return 0;
}

static int teardown(void **state)
{
        sandbox = sandbox_free(sandbox);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_authorize),      cmocka_unit_test(test_rp_id),
                cmocka_unit_test(test_limits),         cmocka_unit_test(test_many_excluded),
                cmocka_unit_test(test_content_type),   cmocka_unit_test(test_admission),
                cmocka_unit_test(test_body_too_large), cmocka_unit_test(test_origin),
                cmocka_unit_test(test_routes),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <cjose/cjose.h>
#include <stdio.h>

#include "daemon/id-token/id-token.h"
#include "dbus/error.h"
#include "tests/unit/daemon/id-token/token-signer.h"
#include "tests/unit/test.h"

#define HEADER(alg) "{\"alg\":\"" alg "\",\"kid\":\"k\"}"
#define CLAIMS \
        "{\"a:id\":\"pk5\",\"a:typ\":\"passkey\",\"pk:uv\":true,\"iss\":\"passlock.dev\"," \
        "\"aud\":\"ten1\",\"sub\":\"user-42\",\"jti\":\"pr1\",\"iat\":1767225600," \
        "\"exp\":1767225900}"
#define NOW_MS UINT64_C(1767225700000)

static EVP_PKEY *key;
static char *modulus; /* the key's */

static int set_up(void **state)
{
        key = signer_generate(2048);
        modulus = signer_modulus(key);
        return 0;
}

static int tear_down(void **state)
{
        EVP_PKEY_free(key);
        free(modulus);
        return 0;
}

_printf_(1, 2) static KeySet *parse(const char *format, ...)
{
        _cleanup_(freep) char *text = NULL;
        KeySet *key_set = NULL;
        va_list ap;

        va_start(ap, format);
        assert_true(vasprintf(&text, format, ap) >= 0);
        va_end(ap);
        assert_int_equal(key_set_parse(text, &key_set), 0);
        return key_set;
}

static int verify(const KeySet *key_set, const char *token)
{
        Principal *principal = NULL;
        int r;

        r = id_token_verify(token, key_set, "ten1", NOW_MS, &principal);
        principal_free(principal);
        return r;
}

/* Whether a set with this key verifies its signature. */
static void assert_usable(const char *jwk, bool expected)
{
        _cleanup_(key_set_freep) KeySet *key_set = parse("{\"keys\":[%s]}", jwk);
        _cleanup_(freep) char *token = signer_sign(key, "RS256", HEADER("RS256"), CLAIMS);

        if (key_set_has(key_set, "k") != expected)
                print_message("# %s\n", jwk);
        assert_int_equal(key_set_has(key_set, "k"), expected);
        assert_int_equal(verify(key_set, token), expected ? 0 : ERROR_INVALID_TOKEN);
}

static void test_members(void **state)
{
        static const struct {
                const char *more;
                bool usable;
        } cases[] = {
                {",\"kid\":\"k\"", true},
                {",\"kid\":\"k\",\"alg\":\"RS256\",\"use\":\"sig\"", true},
                {",\"kid\":\"k\",\"key_ops\":[\"verify\"]", true},
                {",\"kid\":\"k\",\"key_ops\":[\"sign\",\"verify\"],\"new\":{}", true},
                /* private members are ignored */
                {",\"kid\":\"k\",\"d\":\"AQAB\",\"p\":1", true},
                {"", false},
                {",\"kid\":\"\"", false},
                {",\"kid\":null", false},
                {",\"kid\":1", false},
                {",\"kid\":\"k\",\"use\":\"enc\"", false},
                {",\"kid\":\"k\",\"use\":null", false},
                {",\"kid\":\"k\",\"use\":[\"sig\"]", false},
                {",\"kid\":\"k\",\"key_ops\":[]", false},
                {",\"kid\":\"k\",\"key_ops\":[\"sign\",\"encrypt\"]", false},
                {",\"kid\":\"k\",\"key_ops\":\"verify\"", false},
                {",\"kid\":\"k\",\"key_ops\":null", false},
                {",\"kid\":\"k\",\"alg\":null", false},
                {",\"kid\":\"k\",\"alg\":1", false},
                {",\"kid\":\"k\",\"alg\":\"RS384\"", false},
                {",\"kid\":\"k\",\"alg\":\"HS256\"", false},
                {",\"kid\":\"k\",\"alg\":\"none\"", false},
                {",\"kid\":\"k\",\"alg\":\"RSA-OAEP\"", false},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(freep) char *jwk = signer_jwk(key, cases[i].more);

                assert_usable(jwk, cases[i].usable);
        }
}

_printf_(2, 3) static void assert_jwk(bool expected, const char *format, ...)
{
        _cleanup_(freep) char *jwk = NULL;
        va_list ap;

        va_start(ap, format);
        assert_true(vasprintf(&jwk, format, ap) >= 0);
        va_end(ap);
        assert_usable(jwk, expected);
}

static void test_malformed_keys(void **state)
{
#define RSA "{\"kid\":\"k\",\"kty\":\"RSA\""
        assert_jwk(true, RSA ",\"n\":\"%s\",\"e\":\"AQAB\"}", modulus);
        assert_jwk(true, RSA ",\"n\":\"%s\",\"e\":\"AAEAAQ\"}", modulus);
        assert_jwk(false, "{\"kid\":\"k\",\"n\":\"%s\",\"e\":\"AQAB\"}", modulus);
        assert_jwk(false, "{\"kid\":\"k\",\"kty\":\"rsa\",\"n\":\"%s\",\"e\":\"AQAB\"}", modulus);
        assert_jwk(false, "{\"kid\":\"k\",\"kty\":\"oct\",\"k\":\"%s\"}", modulus);
        assert_jwk(false, RSA ",\"e\":\"AQAB\"}");
        assert_jwk(false, RSA ",\"n\":\"%s\"}", modulus);
        assert_jwk(false, RSA ",\"n\":1,\"e\":\"AQAB\"}");
        assert_jwk(false, RSA ",\"n\":\"%s\",\"e\":65537}", modulus);
        assert_jwk(false, RSA ",\"n\":\"\",\"e\":\"AQAB\"}");
        assert_jwk(false, RSA ",\"n\":\"%s\",\"e\":\"\"}", modulus);
        assert_jwk(false, RSA ",\"n\":\"%s==\",\"e\":\"AQAB\"}", modulus);
        assert_jwk(false, RSA ",\"n\":\"%s\",\"e\":\"AQ=B\"}", modulus);
        assert_jwk(false, RSA ",\"n\":\"Q=Q=\",\"e\":\"AQAB\"}");
        assert_jwk(false, RSA ",\"n\":\"%.341s\",\"e\":\"AQAB\"}", modulus);
        /* exponents 0, 1, 2, 4, and one that is too long */
        assert_jwk(false, RSA ",\"n\":\"%s\",\"e\":\"AA\"}", modulus);
        assert_jwk(false, RSA ",\"n\":\"%s\",\"e\":\"AQ\"}", modulus);
        assert_jwk(false, RSA ",\"n\":\"%s\",\"e\":\"Ag\"}", modulus);
        assert_jwk(false, RSA ",\"n\":\"%s\",\"e\":\"BA\"}", modulus);
        assert_jwk(false, RSA ",\"n\":\"%s\",\"e\":\"AQAAAAAAAAAB\"}", modulus);
        assert_jwk(false, "null");
        assert_jwk(false, "[]");
        assert_jwk(false, "\"k\"");
#undef RSA
}

/* Whether a set with an RSA modulus of these bytes has the key. */
static bool has_modulus(const unsigned char *bytes, size_t len)
{
        _cleanup_(freep) char *n = base64url(bytes, len);
        _cleanup_(key_set_freep) KeySet *key_set = parse(
                "{\"keys\":[{\"kid\":\"k\",\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}]}", n);

        return key_set_has(key_set, "k");
}

static void test_strength(void **state)
{
        unsigned char bytes[1026];

        memset(bytes, 0xff, sizeof(bytes));
        assert_true(has_modulus(bytes, 256));
        assert_false(has_modulus(bytes, 255));
        assert_false(has_modulus(bytes, 128));
        assert_true(has_modulus(bytes, 1024));
        assert_false(has_modulus(bytes, 1025));
        bytes[0] = 0x80;
        assert_true(has_modulus(bytes, 256));
        bytes[0] = 0x7f;
        assert_false(has_modulus(bytes, 256));
        bytes[0] = 0x00; /* does not count */
        assert_true(has_modulus(bytes, 257));
        assert_true(has_modulus(bytes, 1025));
        assert_false(has_modulus(bytes, 256));
        memset(bytes, 0, sizeof(bytes));
        assert_false(has_modulus(bytes, 256));
}

static void test_weak_key(void **state)
{
        EVP_PKEY *weak = signer_generate(1024);
        _cleanup_(freep) char *jwk = signer_jwk(weak, ",\"kid\":\"k\"");
        _cleanup_(freep) char *token = signer_sign(weak, "RS256", HEADER("RS256"), CLAIMS);
        _cleanup_(key_set_freep) KeySet *key_set = parse("{\"keys\":[%s]}", jwk);

        assert_int_equal(verify(key_set, token), ERROR_INVALID_TOKEN);
        EVP_PKEY_free(weak);
}

/* Validly signed by an unsupported kind of key. */
static void test_elliptic_curve(void **state)
{
        cjose_jwk_t *curve = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
        cjose_header_t *header = cjose_header_new(NULL);
        _cleanup_(key_set_freep) KeySet *key_set = NULL;
        _cleanup_(freep) char *jwk = NULL;
        const char *token;
        cjose_jws_t *jws;

        assert_true(cjose_jwk_set_kid(curve, "k", 1, NULL));
        assert_true(cjose_header_set(header, "alg", "ES256", NULL));
        assert_true(cjose_header_set(header, "kid", "k", NULL));
        jws = cjose_jws_sign(curve, header, (const uint8_t *) CLAIMS, strlen(CLAIMS), NULL);
        assert_non_null(jws);
        assert_true(cjose_jws_export(jws, &token, NULL));
        jwk = cjose_jwk_to_json(curve, false, NULL);
        key_set = parse("{\"keys\":[%s]}", jwk);
        assert_false(key_set_has(key_set, "k"));
        assert_int_equal(verify(key_set, token), ERROR_INVALID_TOKEN);

        cjose_jws_release(jws);
        cjose_header_release(header);
        cjose_jwk_release(curve);
}

/* A duplicate kid is ambiguous: neither key is used. */
static void test_ambiguous_names(void **state)
{
        static const char *const others[] = {
                "{\"kid\":\"k\"}",
                "{\"kid\":\"k\",\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
                "{\"kid\":\"k\",\"kty\":\"RSA\",\"use\":\"enc\"}",
        };
        _cleanup_(freep) char *jwk = signer_jwk(key, ",\"kid\":\"k\"");
        _cleanup_(freep) char *token = signer_sign(key, "RS256", HEADER("RS256"), CLAIMS);

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                _cleanup_(key_set_freep) KeySet *first = NULL, *last = NULL;

                first = parse("{\"keys\":[%s,%s]}", jwk, others[i]);
                last = parse("{\"keys\":[%s,%s]}", others[i], jwk);
                assert_false(key_set_has(first, "k"));
                assert_false(key_set_has(last, "k"));
                assert_int_equal(verify(first, token), ERROR_INVALID_TOKEN);
                assert_int_equal(verify(last, token), ERROR_INVALID_TOKEN);
        }
}

/* Unusable keys do not disable the others. */
static void test_mixed_set(void **state)
{
        _cleanup_(freep) char *jwk = signer_jwk(key, ",\"kid\":\"k\"");
        _cleanup_(freep) char *second = signer_jwk(key, ",\"kid\":\"k2\",\"alg\":\"PS384\"");
        _cleanup_(freep) char *token = signer_sign(key, "PS384", HEADER("PS384"), CLAIMS);
        _cleanup_(key_set_freep) KeySet *key_set = NULL;

        key_set = parse("{\"new\":1,\"keys\":[null,{},{\"kty\":\"OKP\",\"kid\":\"k3\"},%s,%s,1]}",
                        jwk, second);
        assert_true(key_set_has(key_set, "k"));
        assert_true(key_set_has(key_set, "k2"));
        assert_false(key_set_has(key_set, "k3"));
        assert_false(key_set_has(key_set, ""));
        assert_int_equal(verify(key_set, token), 0);
}

static void test_malformed_sets(void **state)
{
        static const char *const bad[] = {
                "",
                "null",
                "[]",
                "{}",
                "{\"keys\":null}",
                "{\"keys\":{}}",
                "{\"keys\":[]",
                "{\"keys\":[]}x",
                "{\"keys\":[],\"keys\":[]}",
                "{\"keys\":[{\"kid\":\"a\",\"kid\":\"b\"}]}",
                "<html>",
        };
        KeySet *untouched = (KeySet *) 1;
        _cleanup_(key_set_freep) KeySet *most = NULL;
        char many[1024] = "{\"keys\":[1";
        size_t len = strlen(many);

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(key_set_parse(bad[i], &untouched), ERROR_MALFORMED_REPLY);
        for (size_t n = 1; n < 256; n++)
                len += (size_t) sprintf(many + len, ",1");
        strcpy(many + len, "]}");
        assert_int_equal(key_set_parse(many, &most), 0);
        strcpy(many + len, ",1]}");
        assert_int_equal(key_set_parse(many, &untouched), ERROR_MALFORMED_REPLY);
        assert_ptr_equal(untouched, (KeySet *) 1);
        assert_null(key_set_free(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_members),        cmocka_unit_test(test_malformed_keys),
                cmocka_unit_test(test_strength),       cmocka_unit_test(test_weak_key),
                cmocka_unit_test(test_elliptic_curve), cmocka_unit_test(test_ambiguous_names),
                cmocka_unit_test(test_mixed_set),      cmocka_unit_test(test_malformed_sets),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <jansson.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "daemon/id-token/id-token.h"
#include "dbus/error.h"
#include "tests/unit/daemon/id-token/token-signer.h"
#include "tests/unit/test.h"

#define TENANCY "ten1"
#define NOW_MS  UINT64_C(1767225700000)

#define HEADER_OF(alg, kid) "{\"alg\":\"" alg "\",\"kid\":\"" kid "\",\"typ\":\"JWT\"}"
#define HEADER              HEADER_OF("RS256", "any")
#define CLAIMS_WITHOUT_END \
        "{\"a:id\":\"pk5\",\"a:typ\":\"passkey\",\"pk:uv\":true,\"iss\":\"passlock.dev\"," \
        "\"aud\":\"" TENANCY "\",\"sub\":\"user-42\",\"jti\":\"pr1\",\"iat\":1767225600," \
        "\"exp\":1767225900"
#define CLAIMS CLAIMS_WITHOUT_END "}"

/* Keys of the issuer: one without an alg of its own, and one for each. One of an attacker. */
static EVP_PKEY *key, *attacker;
static KeySet *key_set;

static int set_up(void **state)
{
        _cleanup_(freep) char *any = NULL, *rs256 = NULL, *ps256 = NULL, *text = NULL;

        key = signer_generate(2048);
        attacker = signer_generate(2048);
        any = signer_jwk(key, ",\"kid\":\"any\"");
        rs256 = signer_jwk(key, ",\"kid\":\"rs256\",\"alg\":\"RS256\"");
        ps256 = signer_jwk(key, ",\"kid\":\"ps256\",\"alg\":\"PS256\"");
        assert_true(asprintf(&text, "{\"keys\":[%s,%s,%s]}", any, rs256, ps256) > 0);
        assert_int_equal(key_set_parse(text, &key_set), 0);
        return 0;
}

static int tear_down(void **state)
{
        key_set_free(key_set);
        EVP_PKEY_free(key);
        EVP_PKEY_free(attacker);
        return 0;
}

static int verify_at(const char *token, uint64_t now_ms)
{
        Principal *principal = NULL;
        int r;

        r = id_token_verify(token, key_set, TENANCY, now_ms, &principal);
        assert_true((r == 0) == (principal != NULL));
        principal_free(principal);
        return r;
}

/* The token is freed. */
static void assert_verdict(char *token, int expected)
{
        int r = verify_at(token, NOW_MS);

        if (r != expected)
                print_message("# %s\n", token);
        assert_int_equal(r, expected);
        free(token);
}

static void assert_refused(char *token)
{
        assert_verdict(token, ERROR_INVALID_TOKEN);
}

static void assert_header(const char *header, int expected)
{
        assert_verdict(signer_sign(key, "RS256", header, CLAIMS), expected);
}

static void assert_claims(const char *claims, int expected)
{
        assert_verdict(signer_sign(key, "RS256", HEADER, claims), expected);
}

static void test_vector(void **state)
{
        static const char keys[] =
                "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"sTRzTTMill98KGbzHbEbEd35O3IueLbSWqvGVLb3W4QFih"
                "iWAHsplbhvZ9t5G4lsEeiQm-J6Clvq82cmnoa2tgawHEzJBmNd2oQzhAdkPTY92F3p2ON7wF9oanw8IFR7"
                "KxviVNS5Uyv0wl7EODD0EYiZFWN-pxqLiS-Y4HAl_unlsi5Oz_1SGzxwojMKtFqsOm4Oh1PCqsVfXhG6hQ"
                "GHqlQdAXxtppvOpV6HXxlx389GSK9230al8_8feLuqngagmDMawAREmdzHWff4iFKJqe0SIJQv4PHbn3SG"
                "Wz_KgIM6W_rxpKdx2Db9G42Qt00kxOFU7YAAjc35Cbtn8Kxp-Q\",\"e\":\"AQAB\",\"alg\":\"RS25"
                "6\",\"use\":\"sig\",\"kid\":\"sandbox-2026-01\"}]}";
        static const char head[] =
                "eyJhbGciOiJSUzI1NiIsImtpZCI6InNhbmRib3gtMjAyNi0wMSIsInR5cCI6IkpXVCJ9";
        static const char tail[] =
                ".eyJhOmlkIjoicGs1ZDh3Mm42cjB0M3liIiwiYTp0eXAiOiJwYXNza2V5IiwicGs6dXYiOnRydWUsImlzc"
                "yI6InBhc3Nsb2NrLmRldiIsImF1ZCI6InNieDRrOXQybTdxMXc4ZSIsInN1YiI6InVzZXItNDIiLCJqdGk"
                "iOiJwcjF4N2M1djliM24ybXEiLCJpYXQiOjE3NjcyMjU2MDAsImV4cCI6NDEwMjQ0NDgwMH0.q2NXYbIyF"
                "u1S7l07aknBNqZj_5-2T0UMlX3UvBsU72Gr5Flmbf3bL_Br5lwZCE1K09DFjWqOGFFUg4oknZGc-ZquFmp"
                "EHBVISCUZ703umq6PI_oWnaMfT-iDiXjtPurfcf0t414NCdO0dw5fA3IcfLy0wmq7fadMuI4sinJPKEYqd"
                "e8QqL7WcQo41vEjtoNVYcqOO6QFb1B2buzsstUd3OPt4A0APwOjTdUEX0NnfdVFzd5A5q9hNqsHvVa1zLk"
                "srM2Byv0cbK7cf_DCtgF5mtQKiCHARsUQ-U4iVv9fFtcKKrZj1iqV-Tnl_jdAT020RX0WUD5nWCso6djFO"
                "1UY7w";
        static const char tenancy[] = "sbx4k9t2m7q1w8e";
        _cleanup_(principal_freep) Principal *principal = NULL;
        _cleanup_(key_set_freep) KeySet *vector_keys = NULL, *no_keys = NULL;
        _cleanup_(freep) char *kid = NULL;
        Principal *untouched = (Principal *) 1;
        char token[2048], unsigned_token[2048];

        snprintf(token, sizeof(token), "%s%s", head, tail);
        assert_int_equal(key_set_parse(keys, &vector_keys), 0);
        assert_int_equal(key_set_parse("{\"keys\":[]}", &no_keys), 0);
        assert_int_equal(id_token_read_kid(token, &kid), 0);
        assert_string_equal(kid, "sandbox-2026-01");
        assert_true(key_set_has(vector_keys, kid));

        assert_int_equal(id_token_verify(token, vector_keys, tenancy, NOW_MS, &principal), 0);
        assert_string_equal(principal->id, "pr1x7c5v9b3n2mq");
        assert_string_equal(principal->user_id, "user-42");
        assert_string_equal(principal->authenticator_id, "pk5d8w2n6r0t3yb");
        assert_string_equal(principal->authenticator_type, "passkey");
        assert_true(principal->verified);
        assert_true(principal->user_verified);
        assert_int_equal(principal->created_at_ms, 1767225600000);
        assert_int_equal(principal->expires_at_ms, 4102444800000);
        assert_null(principal->platform_name);
        assert_null(principal->ip_address);
        assert_null(principal->user_agent);

        assert_int_equal(id_token_verify(token, vector_keys, "other", NOW_MS, &untouched),
                         ERROR_INVALID_TOKEN);
        assert_int_equal(id_token_verify(token, no_keys, tenancy, NOW_MS, &untouched),
                         ERROR_INVALID_TOKEN);
        assert_int_equal(id_token_verify(token, vector_keys, tenancy, 4102444800000, &untouched),
                         ERROR_INVALID_TOKEN);
        snprintf(unsigned_token, sizeof(unsigned_token), "eyJhbGciOiJub25lIn0%s", tail);
        assert_int_equal(id_token_verify(unsigned_token, vector_keys, tenancy, NOW_MS, &untouched),
                         ERROR_INVALID_TOKEN);
        assert_ptr_equal(untouched, (Principal *) 1);
}

static void test_algorithms(void **state)
{
        assert_verdict(signer_sign(key, "RS256", HEADER_OF("RS256", "any"), CLAIMS), 0);
        assert_verdict(signer_sign(key, "PS256", HEADER_OF("PS256", "any"), CLAIMS), 0);
        assert_verdict(signer_sign(key, "PS384", HEADER_OF("PS384", "any"), CLAIMS), 0);
        assert_verdict(signer_sign(key, "PS512", HEADER_OF("PS512", "any"), CLAIMS), 0);
        /* validly signed, but with an unannounced algorithm */
        assert_refused(signer_sign(key, "RS384", HEADER_OF("RS384", "any"), CLAIMS));
        assert_refused(signer_sign(key, "RS512", HEADER_OF("RS512", "any"), CLAIMS));
        /* signed by another algorithm than the header names */
        assert_refused(signer_sign(key, "PS256", HEADER_OF("RS256", "any"), CLAIMS));
        assert_refused(signer_sign(key, "RS256", HEADER_OF("PS256", "any"), CLAIMS));
        assert_refused(signer_sign(key, "PS384", HEADER_OF("PS256", "any"), CLAIMS));
        assert_refused(signer_sign(key, "RS512", HEADER_OF("RS256", "any"), CLAIMS));
        assert_refused(signer_sign_salted(key, 0, HEADER_OF("PS256", "any"), CLAIMS));
        assert_refused(signer_sign_salted(key, 20, HEADER_OF("PS256", "any"), CLAIMS));
        /* signed by another algorithm than the key's */
        assert_verdict(signer_sign(key, "RS256", HEADER_OF("RS256", "rs256"), CLAIMS), 0);
        assert_verdict(signer_sign(key, "PS256", HEADER_OF("PS256", "ps256"), CLAIMS), 0);
        assert_refused(signer_sign(key, "PS256", HEADER_OF("PS256", "rs256"), CLAIMS));
        assert_refused(signer_sign(key, "RS256", HEADER_OF("RS256", "ps256"), CLAIMS));
        assert_refused(signer_sign(key, "PS384", HEADER_OF("PS384", "ps256"), CLAIMS));
}

static void test_headers(void **state)
{
        static const char *const bad[] = {
                HEADER_OF("none", "any"),
                HEADER_OF("None", "any"),
                HEADER_OF("", "any"),
                HEADER_OF("rs256", "any"),
                HEADER_OF("RS256 ", "any"),
                HEADER_OF("RS256", "other"),
                HEADER_OF("RS256", ""),
                HEADER_OF("RS256", "a\\nb"),
                HEADER_OF("RS256", "any\\u0000"),
                "{\"kid\":\"any\"}",
                "{\"alg\":\"RS256\"}",
                "{\"alg\":null,\"kid\":\"any\"}",
                "{\"alg\":1,\"kid\":\"any\"}",
                "{\"alg\":[\"RS256\"],\"kid\":\"any\"}",
                "{\"alg\":\"RS256\",\"kid\":null}",
                "{\"alg\":\"RS256\",\"kid\":1}",
                "{\"alg\":\"RS256\",\"kid\":[\"any\"]}",
                "{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"any\"}",
                "{\"alg\":\"RS256\",\"kid\":\"other\",\"kid\":\"any\"}",
                "{\"alg\":\"RS256\",\"kid\":\"any\",\"crit\":[\"exp\"]}",
                "{\"alg\":\"RS256\",\"kid\":\"any\",\"crit\":[]}",
                "{\"alg\":\"RS256\",\"kid\":\"any\",\"crit\":null}",
                "{\"alg\":\"RS256\",\"kid\":\"any\",\"crit\":[\"b64\"],\"b64\":false}",
                "{\"alg\":\"RS256\",\"kid\":\"any\",\"jku\":\"https://a/jwks.json\"}",
                "{\"alg\":\"RS256\",\"kid\":\"any\",\"jwk\":{}}",
                "{\"alg\":\"RS256\",\"kid\":\"any\",\"x5c\":[]}",
                "{\"alg\":\"RS256\",\"kid\":\"any\",\"x5u\":\"https://a/\"}",
                "{\"alg\":\"RS256\",\"kid\":\"any\"",
                "{\"alg\":\"RS256\",\"kid\":\"any\"}}",
                "[\"RS256\",\"any\"]",
                "\"RS256\"",
                "null",
                "{}",
                "RS256",
        };

        assert_header(HEADER, 0);
        assert_header("{\"kid\":\"any\",\"alg\":\"RS256\"}", 0);
        assert_header(" {\"kid\":\"any\",\"typ\":1,\"alg\":\"RS256\",\"x\":{}} ", 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_header(bad[i], ERROR_INVALID_TOKEN);
}

static void test_another_key(void **state)
{
        _cleanup_(freep) char *jwk = signer_jwk(attacker, ",\"kid\":\"any\",\"alg\":\"RS256\"");
        _cleanup_(freep) char *header = NULL;

        assert_refused(signer_sign(attacker, "RS256", HEADER, CLAIMS));
        assert_refused(signer_sign(attacker, "RS256", HEADER_OF("RS256", "mine"), CLAIMS));
        assert_true(asprintf(&header, "{\"alg\":\"RS256\",\"kid\":\"any\",\"jwk\":%s}", jwk) > 0);
        assert_refused(signer_sign(attacker, "RS256", header, CLAIMS));
}

/* Algorithm confusion: the public key as an HMAC secret. */
static void test_hmac_by_public_key(void **state)
{
        static const char *const headers[] = {HEADER_OF("HS256", "any"), HEADER};
        _cleanup_(freep) char *modulus = signer_modulus(key);
        _cleanup_(freep) char *jwk = signer_jwk(key, ",\"kid\":\"any\"");
        unsigned char *der = NULL;
        int der_len = i2d_PUBKEY(key, &der);
        BIO *bio = BIO_new(BIO_s_mem());
        char *pem;
        long pem_len;

        assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
        pem_len = BIO_get_mem_data(bio, &pem);
        for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
                assert_refused(signer_sign_hmac(pem, (size_t) pem_len, headers[i], CLAIMS));
                assert_refused(signer_sign_hmac(der, (size_t) der_len, headers[i], CLAIMS));
                assert_refused(signer_sign_hmac(modulus, strlen(modulus), headers[i], CLAIMS));
                assert_refused(signer_sign_hmac(jwk, strlen(jwk), headers[i], CLAIMS));
                assert_refused(signer_sign_hmac("", 0, headers[i], CLAIMS));
        }
        OPENSSL_free(der);
        BIO_free(bio);
}

typedef struct Claim {
        const char *name;
        const char *good; /* another valid value; NULL: none */
        char type;        /* s, n, b */
} Claim;

/* Verifies all claims with one replaced, or left out if `value` is NULL. */
static void assert_claim(const char *name, const char *value, int expected)
{
        json_auto_t *claims = json_loads(CLAIMS, 0, NULL);
        _cleanup_(freep) char *text = NULL;

        if (value)
                assert_int_equal(
                        json_object_set_new(claims, name, json_loads(value, JSON_DECODE_ANY, NULL)),
                        0);
        else
                assert_int_equal(json_object_del(claims, name), 0);
        text = json_dumps(claims, 0);
        assert_claims(text, expected);
}

static void test_every_claim(void **state)
{
        static const Claim claims[] = {
                {"a:id", "\"pk6\"", 's'}, {"a:typ", NULL, 's'},       {"pk:uv", "false", 'b'},
                {"iss", NULL, 's'},       {"aud", NULL, 's'},         {"sub", "\"u\"", 's'},
                {"jti", "\"pr2\"", 's'},  {"iat", "1767225601", 'n'}, {"exp", "1767225901.0", 'n'},
        };
        static const struct {
                char type;
                const char *value;
        } values[] = {
                {'s', "\"x y\""}, {'n', "1767225601"}, {'b', "true"},
                {'o', "{}"},      {'a', "[]"},         {'0', "null"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
                assert_claim(claims[i].name, NULL, ERROR_INVALID_TOKEN);
                if (claims[i].good)
                        assert_claim(claims[i].name, claims[i].good, 0);
                for (size_t j = 0; j < ARRAY_SIZE(values); j++)
                        if (values[j].type != claims[i].type)
                                assert_claim(claims[i].name, values[j].value, ERROR_INVALID_TOKEN);
                if (claims[i].type == 's') {
                        assert_claim(claims[i].name, "\"\"", ERROR_INVALID_TOKEN);
                        assert_claim(claims[i].name, "\"a\\u0001\"", ERROR_INVALID_TOKEN);
                }
        }
}

static void test_claims(void **state)
{
        static const struct {
                const char *name, *value;
                int r;
        } cases[] = {
                {"iss", "\"https://passlock.dev\"", ERROR_INVALID_TOKEN},
                {"iss", "\"passlock.dev.example.com\"", ERROR_INVALID_TOKEN},
                {"iss", "\"Passlock.dev\"", ERROR_INVALID_TOKEN},
                {"aud", "\"ten2\"", ERROR_INVALID_TOKEN},
                {"aud", "\"ten1 \"", ERROR_INVALID_TOKEN},
                {"aud", "\"ten\"", ERROR_INVALID_TOKEN},
                {"aud", "[\"ten1\"]", ERROR_INVALID_TOKEN},
                {"aud", "[\"ten1\",\"ten2\"]", ERROR_INVALID_TOKEN},
                {"a:typ", "\"totp\"", ERROR_INVALID_TOKEN},
                {"pk:uv", "1", ERROR_INVALID_TOKEN},
                {"pk:uv", "\"true\"", ERROR_INVALID_TOKEN},
                /* the end */
                {"exp", "1767225700", ERROR_INVALID_TOKEN},
                {"exp", "1767225701", 0},
                {"exp", "0", ERROR_INVALID_TOKEN},
                {"exp", "-1", ERROR_INVALID_TOKEN},
                {"exp", "1767225900.5", ERROR_INVALID_TOKEN},
                {"exp", "\"1767225900\"", ERROR_INVALID_TOKEN},
                {"exp", "9007199254739", 0},
                {"exp", "9007199254740", ERROR_INVALID_TOKEN},
                {"exp", "9007199254740993", ERROR_INVALID_TOKEN},
                {"exp", "18446744073709552", ERROR_INVALID_TOKEN}, /* 2^64 ms and a bit */
                {"exp", "9223372036854775807", ERROR_INVALID_TOKEN},
                {"exp", "1e300", ERROR_INVALID_TOKEN},
                {"exp", "1.7672259e9", 0},
                /* the beginning */
                {"iat", "0", 0},
                {"iat", "-1", ERROR_INVALID_TOKEN},
                {"iat", "1767225760", 0},
                {"iat", "1767225761", ERROR_INVALID_TOKEN},
                {"iat", "1767225600.25", ERROR_INVALID_TOKEN},
                {"nbf", "1767225700", 0},
                {"nbf", "1767225701", ERROR_INVALID_TOKEN},
                {"nbf", "\"0\"", ERROR_INVALID_TOKEN},
                {"nbf", "null", ERROR_INVALID_TOKEN},
                {"nbf", "-1", ERROR_INVALID_TOKEN},
                {"nbf", "1e300", ERROR_INVALID_TOKEN},
                /* unknown claims */
                {"new", "{\"a\":[1]}", 0},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_claim(cases[i].name, cases[i].value, cases[i].r);
}

static void test_claim_bounds(void **state)
{
        static const struct {
                const char *name;
                size_t len_max;
        } cases[] = {{"sub", 256}, {"jti", 512}, {"a:id", 512}};
        char value[1024];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                memset(value, 'a', sizeof(value));
                value[0] = value[cases[i].len_max + 1] = '"';
                value[cases[i].len_max + 2] = '\0';
                assert_claim(cases[i].name, value, 0);
                strcpy(value + cases[i].len_max + 1, "a\"");
                assert_claim(cases[i].name, value, ERROR_INVALID_TOKEN);
        }
}

static void test_malformed_claims(void **state)
{
        static const char *const bad[] = {
                "null",
                "[]",
                "{}",
                "passkey",
                CLAIMS_WITHOUT_END,
                CLAIMS "}",
                CLAIMS "{}",
                CLAIMS_WITHOUT_END ",\"aud\":\"" TENANCY "\"}",
                CLAIMS_WITHOUT_END ",\"aud\":\"ten2\"}",
                CLAIMS_WITHOUT_END ",\"exp\":4102444800}",
                CLAIMS_WITHOUT_END ",\"new\":1,\"new\":1}",
                CLAIMS_WITHOUT_END ",\"new\":\"\\u0000\"}",
                CLAIMS_WITHOUT_END ",\"new\":\"\xff\"}",
        };

        assert_claims(" " CLAIMS "\n", 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_claims(bad[i], ERROR_INVALID_TOKEN);
}

_printf_(1, 2) static char *format(const char *text, ...)
{
        char *formatted = NULL;
        va_list ap;

        va_start(ap, text);
        assert_true(vasprintf(&formatted, text, ap) >= 0);
        va_end(ap);
        return formatted;
}

/* Parts of "a.b.c", split in place: the dots become NULs. */
typedef struct Parts {
        char *header, *claims, *signature;
} Parts;

static Parts divide(char *token)
{
        Parts parts = {.header = token};

        parts.claims = strchr(token, '.');
        *parts.claims++ = '\0';
        parts.signature = strchr(parts.claims, '.');
        *parts.signature++ = '\0';
        return parts;
}

static void test_structure(void **state)
{
        _cleanup_(freep) char *token = signer_sign(key, "RS256", HEADER, CLAIMS);
        _cleanup_(freep) char *other = signer_sign(key, "RS256", HEADER_OF("PS256", "any"), CLAIMS);
        _cleanup_(freep) char *none = base64url("{\"alg\":\"none\",\"kid\":\"any\"}", 27);
        const char *const bad[] = {"", ".", "..", "...", "a", "a.b", "a.b.c", "e30.e30.e30"};
        Parts good = divide(token), odd = divide(other);
        const char *h = good.header, *c = good.claims, *s = good.signature;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_refused(strdup(bad[i]));
        assert_verdict(format("%s.%s.%s", h, c, s), 0);
        assert_refused(format("%s.%s", h, c));
        assert_refused(format("%s.%s.", h, c));
        assert_refused(format("%s..%s", h, s));
        assert_refused(format(".%s.%s", c, s));
        assert_refused(format(".%s.%s.%s", h, c, s));
        assert_refused(format("%s.%s.%s.", h, c, s));
        assert_refused(format("%s.%s..%s", h, c, s));
        assert_refused(format("%s.%s.%s.%s", h, c, s, s));
        /* the five parts of an encrypted token */
        assert_refused(format("%s.%s.%s.%s.%s", h, c, s, c, s));
        /* parts of others, and of none */
        assert_refused(format("%s.%s.%s", odd.header, c, s));
        assert_refused(format("%s.%s.%s", h, c, odd.signature));
        assert_refused(format("%s.%s.%s", none, c, s));
        assert_refused(format("%s.%s.", none, c));
        assert_refused(format("%s.%s.%s", h, h, s));
        /* a part of the signature, or more than one */
        assert_refused(format("%s.%s.%.*s", h, c, (int) strlen(s) - 4, s));
        assert_refused(format("%s.%s.%.4s", h, c, s));
        assert_refused(format("%s.%s.AAAA", h, c));
        assert_refused(format("%s.%s.%.*s%s", h, c, 340, s, s));
}

static void test_encrypted(void **state)
{
        static const char header[] = "{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\",\"kid\":\"any\"}";
        _cleanup_(freep) char *encoded = base64url(header, strlen(header));

        assert_refused(format("%s.AAAA.AAAA.AAAA.AAAA", encoded));
        assert_refused(format("%s.AAAA.AAAA", encoded));
}

/* Non-canonical base64url that some decoders accept. */
static void test_base64(void **state)
{
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789-_";
        static const char *const tails[] = {"=", "==", "====", " ",  "\n",
                                            "A", "*",  "%3D",  "Q=", "Q=Q="};
        _cleanup_(freep) char *token = signer_sign(key, "RS256", HEADER, CLAIMS);
        Parts good = divide(token);
        const char *h = good.header, *c = good.claims, *s = good.signature;

        for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
                assert_refused(format("%s%s.%s.%s", h, tails[i], c, s));
                assert_refused(format("%s.%s%s.%s", h, c, tails[i], s));
                assert_refused(format("%s.%s.%s%s", h, c, s, tails[i]));
                assert_refused(format("%s.%s.%s%s", h, c, tails[i], s));
                assert_refused(format("%s%s.%s.%s", tails[i], h, c, s));
                assert_refused(format("%s.%s.%s", tails[i], c, s));
                assert_refused(format("%s.%s.%s", h, c, tails[i]));
        }
        /* a signature of 256 bytes has four bits to spare, which change nothing */
        for (size_t stray = 1; stray < 16; stray++) {
                char *bent = format("%s.%s.%s", h, c, s), *last = bent + strlen(bent) - 1;

                *last = alphabet[strchr(alphabet, *last) - alphabet + (ptrdiff_t) stray];
                assert_refused(bent);
        }
}

static void test_other_base64(void **state)
{
        char *token = signer_sign(key, "RS256", HEADER, CLAIMS_WITHOUT_END ",\"x\":\"????~~~~\"}");
        char *claims = strchr(token, '.'), *plus = strchr(claims, '-'),
             *slash = strchr(claims, '_');

        assert_int_equal(verify_at(token, NOW_MS), 0);
        *plus = '+';
        assert_int_equal(verify_at(token, NOW_MS), ERROR_INVALID_TOKEN);
        *plus = '-';
        *slash = '/';
        assert_refused(token);
}

/* Changing any character invalidates the token. */
static void test_every_character(void **state)
{
        _cleanup_(freep) char *token = signer_sign(key, "RS256", HEADER, CLAIMS);

        for (char *p = token; *p; p++) {
                static const char instead[] = "AB-_.=";
                char was = *p;

                for (size_t i = 0; i < strlen(instead); i++) {
                        if (instead[i] == was)
                                continue;
                        *p = instead[i];
                        assert_int_equal(verify_at(token, NOW_MS), ERROR_INVALID_TOKEN);
                }
                *p = was;
        }
        assert_int_equal(verify_at(token, NOW_MS), 0);
}

static char *padded_token(size_t n)
{
        _cleanup_(freep) char *claims = format(CLAIMS_WITHOUT_END ",\"new\":\"%0*d\"}", (int) n, 0);

        return signer_sign(key, "RS256", HEADER, claims);
}

static void test_length(void **state)
{
        size_t longest = 0;

        for (size_t n = 5600;; n++) {
                _cleanup_(freep) char *token = padded_token(n);

                if (strlen(token) > 8192) {
                        assert_int_equal(verify_at(token, NOW_MS), ERROR_INVALID_TOKEN);
                        break;
                }
                longest = strlen(token);
                assert_int_equal(verify_at(token, NOW_MS), 0);
        }
        assert_in_range(longest, 8190, 8192);
        assert_refused(padded_token(100000));
}

static void test_clock(void **state)
{
        _cleanup_(freep) char *token = signer_sign(key, "RS256", HEADER, CLAIMS);

        assert_int_equal(verify_at(token, 0), ERROR_INVALID_TOKEN);
        assert_int_equal(verify_at(token, UINT64_C(1767225539999)), ERROR_INVALID_TOKEN);
        assert_int_equal(verify_at(token, UINT64_C(1767225540000)), 0);
        assert_int_equal(verify_at(token, UINT64_C(1767225899999)), 0);
        assert_int_equal(verify_at(token, UINT64_C(1767225900000)), ERROR_INVALID_TOKEN);
}

static void assert_no_kid(char *token)
{
        char *untouched = (char *) 1;

        assert_int_equal(id_token_read_kid(token, &untouched), ERROR_INVALID_TOKEN);
        assert_ptr_equal(untouched, (char *) 1);
        free(token);
}

static void test_read_kid(void **state)
{
        static const char *const bad_headers[] = {
                "{\"alg\":\"RS256\"}",  HEADER_OF("none", "any"),    HEADER_OF("HS256", "any"),
                HEADER_OF("RS256", ""), HEADER_OF("RS256", "a\\nb"),
        };
        static const char *const bad_claims[] = {"", "A", "AAAAA", "AB", "AA=", "A A"};
        _cleanup_(freep) char *header = base64url(HEADER, strlen(HEADER));
        _cleanup_(freep) char *unknown =
                signer_sign(attacker, "RS256", HEADER_OF("PS512", "n\xc3\xabw"), "not even JSON");
        _cleanup_(freep) char *kid = NULL;

        assert_int_equal(id_token_read_kid(unknown, &kid), 0);
        assert_string_equal(kid, "n\xc3\xabw");
        for (size_t i = 0; i < ARRAY_SIZE(bad_headers); i++)
                assert_no_kid(signer_sign(key, "RS256", bad_headers[i], CLAIMS));
        for (size_t i = 0; i < ARRAY_SIZE(bad_claims); i++) {
                assert_no_kid(format("%s.%s.AA", header, bad_claims[i]));
                assert_no_kid(format("%s.AA.%s", header, bad_claims[i]));
        }
        assert_no_kid(strdup(""));
        assert_no_kid(strdup("e30.e30.e30"));
}

static unsigned n_until_failure;

static void *allocate_but_one(size_t size)
{
        return n_until_failure-- > 0 ? malloc(size) : NULL;
}

/* jansson may misreport out of memory; success is wrong, though. */
static void test_no_memory(void **state)
{
        _cleanup_(freep) char *token = signer_sign(key, "RS256", HEADER, CLAIMS);
        unsigned n = 0;
        int r;

        do {
                n_until_failure = n++;
                json_set_alloc_funcs(allocate_but_one, free);
                r = verify_at(token, NOW_MS);
                json_set_alloc_funcs(malloc, free);
                assert_true(r == 0 || r == -ENOMEM || r == ERROR_INVALID_TOKEN);
                assert_in_range(n, 1, 10000);
        } while (r != 0);
        assert_true(n > 20);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_vector),
                cmocka_unit_test(test_algorithms),
                cmocka_unit_test(test_headers),
                cmocka_unit_test(test_another_key),
                cmocka_unit_test(test_hmac_by_public_key),
                cmocka_unit_test(test_every_claim),
                cmocka_unit_test(test_claims),
                cmocka_unit_test(test_claim_bounds),
                cmocka_unit_test(test_malformed_claims),
                cmocka_unit_test(test_structure),
                cmocka_unit_test(test_encrypted),
                cmocka_unit_test(test_base64),
                cmocka_unit_test(test_other_base64),
                cmocka_unit_test(test_every_character),
                cmocka_unit_test(test_length),
                cmocka_unit_test(test_clock),
                cmocka_unit_test(test_read_kid),
                cmocka_unit_test(test_no_memory),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "sandbox/webauthn/authdata.h"
#include "sandbox/webauthn/base64url.h"
#include "tests/unit/sandbox/sample.h"
#include "tests/unit/test.h"

static const char *const names[] = {"es256-none", "es256-packed", "rs256-none", "rs256-packed",
                                    "eddsa-none", "eddsa-packed", "https",      "localhost"};

/* Attestations with certificates. */
static const char *const packed[] = {"es256-packed", "rs256-packed", "eddsa-packed"};

static const char *verify(Sample *sample)
{
        _cleanup_(credential_freep) Credential *credential = NULL;

        return ceremony_verify_registration(&sample->ceremony, sample->response, &credential);
}

/* Asserts that the verification fails with this message. */
static void assert_refused(Sample *sample, const char *reason)
{
        const char *problem = verify(sample);

        assert_non_null(problem);
        if (!strstr(problem, reason))
                fail_msg("refused because \"%s\", not \"%s\"", problem, reason);
}

static void test_recorded_registrations(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_(credential_freep) Credential *credential = NULL;
                Sample sample;
                json_t *id;

                sample_load(&sample, names[i]);
                assert_null(ceremony_verify_registration(&sample.ceremony, sample.response,
                                                         &credential));
                id = json_object_get(sample.response, "id");
                assert_string_equal(credential->id, json_string_value(id));
                assert_string_equal(credential->aaguid, "01020304-0506-0708-0102-030405060708");
                assert_true(credential->user_verified);
                assert_false(credential->backup_eligible);
                assert_false(credential->backed_up);
                assert_int_equal(credential->counter, 1);
                assert_string_equal(json_string_value(json_array_get(credential->transports, 0)),
                                    "internal");
                sample_done(&sample);
        }
}

static void test_transports_are_filtered(void **state)
{
        _cleanup_(credential_freep) Credential *credential = NULL;
        Sample sample;

        sample_load(&sample, "es256-none");
        json_object_set_new(sample_inner(&sample), "transports",
                            json_pack("[s, s, s, s]", "usb", "telepathy", "hybrid", "usb"));
        assert_null(ceremony_verify_registration(&sample.ceremony, sample.response, &credential));
        assert_int_equal(json_array_size(credential->transports), 2);
        json_object_del(sample_inner(&sample), "transports");
        assert_null(verify(&sample));
        json_object_set_new(sample_inner(&sample), "transports", json_string("usb"));
        assert_refused(&sample, "transports");
        json_object_set_new(sample_inner(&sample), "transports", json_pack("[i]", 1));
        assert_refused(&sample, "transports");
        sample_done(&sample);
}

static void test_another_ceremony(void **state)
{
        Sample sample;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                Ceremony real;

                sample_load(&sample, names[i]);
                real = sample.ceremony;
                sample.ceremony.challenge = "2lX0EJ3iBWuOeIELhGLL0Fl5CF6iR1N3GbMCOJWeA3A";
                assert_refused(&sample, "challenge");
                sample.ceremony = real;
                sample.ceremony.origin = "http://localhost:1";
                assert_refused(&sample, "origin");
                sample.ceremony = real;
                sample.ceremony.rp_id = "example.org";
                assert_refused(&sample, "relying party");
                sample_done(&sample);
        }
}

static void test_client_data(void **state)
{
        static const struct {
                const char *json;
                const char *reason;
        } cases[] = {
                {"", "JSON"},
                {"[]", "JSON"},
                {"{} ", "type"},
                {"{\"type\":\"webauthn.create\",\"challenge\":\"C\",\"origin\":\"O\"}x", "JSON"},
                {"{\"type\":\"webauthn.get\",\"challenge\":\"C\",\"origin\":\"O\"}", "type"},
                {"{\"type\":1,\"challenge\":\"C\",\"origin\":\"O\"}", "type"},
                {"{\"type\":\"webauthn.get\",\"type\":\"webauthn.create\"}", "JSON"},
                {"{\"type\":\"webauthn.create\",\"origin\":\"O\"}", "challenge"},
                {"{\"type\":\"webauthn.create\",\"challenge\":\"c\",\"origin\":\"O\"}",
                 "challenge"},
                {"{\"type\":\"webauthn.create\",\"challenge\":\"C=\",\"origin\":\"O\"}",
                 "challenge"},
                {"{\"type\":\"webauthn.create\",\"challenge\":\"C\"}", "origin"},
                {"{\"type\":\"webauthn.create\",\"challenge\":\"C\",\"origin\":\"O/\"}", "origin"},
                {"{\"type\":\"webauthn.create\",\"challenge\":\"C\",\"origin\":[\"O\"]}", "origin"},
                {"{\"type\":\"webauthn.create\",\"challenge\":\"C\",\"origin\":\"O\","
                 "\"crossOrigin\":true}",
                 "Cross"},
                {"{\"type\":\"webauthn.create\",\"challenge\":\"C\",\"origin\":\"O\","
                 "\"crossOrigin\":\"false\"}",
                 "Cross"},
                {"{\"type\":\"webauthn.create\",\"challenge\":\"C\",\"origin\":\"O\","
                 "\"crossOrigin\":false,\"topOrigin\":\"P\"}",
                 "Cross"},
        };
        Sample sample;

        sample_load(&sample, "es256-none");
        sample.ceremony.challenge = "C";
        sample.ceremony.origin = "O";
        sample_set_client_data(&sample, "{\"type\":\"webauthn.create\",\"challenge\":\"C\","
                                        "\"origin\":\"O\",\"something\":\"new\"}");
        assert_null(verify(&sample));
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                sample_set_client_data(&sample, cases[i].json);
                assert_refused(&sample, cases[i].reason);
        }
        sample_done(&sample);
}

static void test_signed_client_data(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(packed); i++) {
                _cleanup_(freep) char *json = NULL;
                Sample sample;

                /* Same values, other bytes than those signed. */
                sample_load(&sample, packed[i]);
                assert_true(asprintf(&json,
                                     "{\"type\":\"webauthn.create\",\"challenge\":\"%s\","
                                     "\"origin\":\"%s\"}",
                                     sample.ceremony.challenge, sample.ceremony.origin) > 0);
                sample_set_client_data(&sample, json);
                assert_refused(&sample, "verify the attestation signature");
                sample_done(&sample);
        }
}

static void test_flags(void **state)
{
        static const struct {
                uint8_t clear, set;
                bool verification_required;
                const char *reason; /* or NULL */
        } cases[] = {
                {0, 0, true, NULL},
                {AUTHDATA_USER_PRESENT, 0, true, "not present"},
                {AUTHDATA_USER_PRESENT, 0, false, "not present"},
                {AUTHDATA_USER_VERIFIED, 0, true, "not verified"},
                {AUTHDATA_USER_VERIFIED, 0, false, NULL},
                {0, AUTHDATA_BACKED_UP, true, "backed up"},
                {0, AUTHDATA_BACKUP_ELIGIBLE, true, NULL},
                {0, AUTHDATA_BACKUP_ELIGIBLE | AUTHDATA_BACKED_UP, true, NULL},
                {AUTHDATA_ATTESTED, 0, true, "malformed"},
                {0, AUTHDATA_EXTENSIONS, true, "malformed"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(credential_freep) Credential *credential = NULL;
                Sample sample;
                uint8_t *flags;

                sample_load(&sample, "es256-none");
                flags = sample_auth_data(&sample, AT_FLAGS);
                *flags = (uint8_t) ((*flags & ~cases[i].clear) | cases[i].set);
                sample.ceremony.user_verification_required = cases[i].verification_required;
                sample_seal(&sample);
                if (cases[i].reason) {
                        assert_refused(&sample, cases[i].reason);
                } else {
                        assert_null(ceremony_verify_registration(&sample.ceremony, sample.response,
                                                                 &credential));
                        assert_int_equal(credential->backed_up, *flags >> 4 & 1);
                        assert_int_equal(credential->backup_eligible, *flags >> 3 & 1);
                        assert_int_equal(credential->user_verified, *flags >> 2 & 1);
                }
                sample_done(&sample);
        }
}

/* Flips each bit of the data that a packed statement signs, and of the signature. */
static void test_flipped_bits(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(packed); i++) {
                static const uint8_t key[] = "csig";
                Sample sample;
                size_t from, to;
                uint8_t *sig;

                sample_load(&sample, packed[i]);
                sig = memmem(sample.attestation, sample.attestation_len, key, sizeof(key) - 1);
                assert_non_null(sig);
                from = (size_t) (sig - sample.attestation);
                to = from + 4 + 2 + 70;
                for (size_t bit = from * 8; bit < sample.attestation_len * 8; bit++) {
                        if (bit == to * 8)
                                bit = sample.auth_data_at * 8;
                        sample.attestation[bit / 8] ^= (uint8_t) (1 << bit % 8);
                        sample_seal(&sample);
                        if (!verify(&sample))
                                fail_msg("%s: accepted with bit %zu flipped", packed[i], bit);
                        sample.attestation[bit / 8] ^= (uint8_t) (1 << bit % 8);
                }
                sample_seal(&sample);
                assert_null(verify(&sample));
                sample_done(&sample);
        }
}

static void test_statement_of_none(void **state)
{
        static const uint8_t empty[] = "gattStmt\xa0";
        Sample none, other;
        uint8_t *at;

        sample_load(&none, "es256-none");
        at = memmem(none.attestation, none.attestation_len, empty, sizeof(empty) - 1);
        assert_non_null(at);
        at[8] = 0x80; /* [] */
        sample_seal(&none);
        assert_refused(&none, "must have exactly");
        at[8] = 0xa0;
        memcpy(memmem(none.attestation, none.attestation_len, "none", 4), "nope", 4);
        sample_seal(&none);
        assert_refused(&none, "Unsupported");
        sample_done(&none);

        /* Changing the format to none does not remove a statement. */
        sample_load(&other, "es256-packed");
        at = memmem(other.attestation, other.attestation_len, "fpacked", 7);
        assert_non_null(at);
        memmove(at + 5, at + 7, other.attestation_len - (size_t) (at + 7 - other.attestation));
        other.attestation_len -= 2;
        memcpy(at, "dnone", 5);
        sample_seal(&other);
        assert_refused(&other, "empty");
        sample_done(&other);
}

static void test_stripped_certificates(void **state)
{
        Sample sample;
        uint8_t *at;

        /* Without certificates, the statement is a self attestation. */
        sample_load(&sample, "es256-packed");
        at = memmem(sample.attestation, sample.attestation_len, "cx5c", 4);
        assert_non_null(at);
        at[3] = 'd';
        sample_seal(&sample);
        assert_refused(&sample, "verify the attestation signature");
        sample_done(&sample);
}

static void test_lengths(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                Sample sample;
                size_t len;

                sample_load(&sample, names[i]);
                len = sample.attestation_len;
                for (sample.attestation_len = 0; sample.attestation_len < len;
                     sample.attestation_len++) {
                        sample_seal(&sample);
                        assert_refused(&sample, "must be one CBOR map");
                }
                sample.attestation[sample.attestation_len++] = 0xa0;
                sample_seal(&sample);
                assert_refused(&sample, "must be one CBOR map");
                sample_done(&sample);
        }
}

static void test_inner_lengths(void **state)
{
        Sample sample;
        uint8_t *len;

        sample_load(&sample, "es256-none");
        len = sample_auth_data(&sample, AT_ID_LEN);
        for (unsigned n = 0; n < 65536; n += 15) {
                if (n == (unsigned) (len[0] << 8 | len[1]))
                        continue;
                len[0] = (uint8_t) (n >> 8);
                len[1] = (uint8_t) n;
                sample_seal(&sample);
                assert_non_null(verify(&sample));
                len[0] = 0;
                len[1] = 32;
        }
        sample_seal(&sample);
        assert_null(verify(&sample));
        sample_done(&sample);
}

static void test_public_key(void **state)
{
        static const uint8_t start[] = {0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01};
        static const struct {
                size_t at;
                uint8_t value;
                const char *reason;
        } cases[] = {
                {4, 0x25, "not offered"}, /* COSE algorithm -6 */
                {4, 0x07, "not offered"}, /* 7, not -7 */
                {4, 0x27, "malformed"},   /* EdDSA, with a key of ES256 */
                {2, 0x01, "malformed"},   /* another key type */
                {6, 0x02, "malformed"},   /* another curve */
                {3, 0x04, "not offered"}, /* no algorithm */
                {1, 0x03, "not offered"}, /* two algorithms */
                {7, 0x25, "malformed"},   /* no x */
                {15, 0, "malformed"},     /* a point off the curve */
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Sample sample;
                uint8_t *key;

                sample_load(&sample, "es256-none");
                key = memmem(sample.attestation, sample.attestation_len, start, sizeof(start));
                assert_non_null(key);
                key[cases[i].at] = cases[i].value ? cases[i].value : key[cases[i].at] ^ 1;
                sample_seal(&sample);
                assert_refused(&sample, cases[i].reason);
                sample_done(&sample);
        }
}

/* Incomplete keys that libfido2 accepts. */
static void test_incomplete_keys(void **state)
{
        static const struct {
                const char *name;
                uint8_t start[8];
                size_t at;
                uint8_t flip;
        } cases[] = {
                {"eddsa-none",
                 {0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21},
                 7,
                 0x04}, /* no x */
                {"rs256-none",
                 {0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20},
                 7,
                 0x04}, /* no n */
                {"rs256-none",
                 {0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20},
                 11,
                 0x80}, /* 2047 bits */
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Sample sample;
                uint8_t *key;

                sample_load(&sample, cases[i].name);
                key = memmem(sample.attestation, sample.attestation_len, cases[i].start,
                             sizeof(cases[i].start));
                assert_non_null(key);
                key[cases[i].at] ^= cases[i].flip;
                sample_seal(&sample);
                assert_refused(&sample, "malformed");
                sample_done(&sample);
        }
}

static void test_trailing_byte(void **state)
{
        Sample sample;

        sample_load(&sample, "es256-none");
        /* The authenticator data is the last member. */
        assert_int_equal(sample.auth_data_at + sample.auth_data_len, sample.attestation_len);
        sample.attestation[sample.attestation_len++] = 0xa0;
        sample.attestation[sample.auth_data_at - 1]++;
        sample_seal(&sample);
        assert_refused(&sample, "malformed");
        sample_done(&sample);
}

static void set_attestation(Sample *sample, const uint8_t *data, size_t len)
{
        free(sample->attestation);
        sample->attestation = must(malloc(len));
        sample->attestation_len = len;
        memcpy(sample->attestation, data, len);
        sample_seal(sample);
}

/* libcbor allocates the announced size of an array: malloc() must fail instead of aborting. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
        return "allocator_may_return_null=1";
}

static void test_malformed_cbor(void **state)
{
        static const struct {
                uint8_t data[9];
                size_t len;
        } cases[] = {
                {{0x00}, 0},
                {{0x18}, 1},          /* cut off */
                {{0x1b, 1, 2, 3}, 4}, /* cut off */
                {{0x1c}, 1},          /* reserved */
                {{0x42, 1}, 2},       /* cut off */
                {{0x9f, 0xff}, 2},    /* an array */
                {{0xbf, 0xff}, 2},    /* a map of indefinite length */
                {{0xc0, 0xa0}, 2},    /* a tagged map */
                {{0xa1, 0x01}, 2},    /* no value */
                {{0xa0, 0xa0}, 2},    /* trailing bytes */
                {{0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9}, /* huge */
                {{0x9b, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9}, /* huge */
                {{0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0}, 9},                      /* huge */
        };
        static uint8_t deep[60000];
        Sample sample;

        sample_load(&sample, "es256-none");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                set_attestation(&sample, cases[i].data, cases[i].len);
                assert_refused(&sample, "must be one CBOR map");
        }
        memset(deep, 0x81, sizeof(deep));
        memcpy(deep, (uint8_t[]){0xa1, 0x00}, 2);
        set_attestation(&sample, deep, sizeof(deep));
        assert_refused(&sample, "must be one CBOR map");
        deep[sizeof(deep) - 1] = 0;
        set_attestation(&sample, deep, sizeof(deep));
        assert_refused(&sample, "must be one CBOR map");
        sample_done(&sample);
}

static void test_ids(void **state)
{
        static const struct {
                const char *key, *value;
        } cases[] = {
                {"type", "password"},
                {"type", NULL},
                {"id", NULL},
                {"rawId", NULL},
                {"clientExtensionResults", NULL},
        };
        _cleanup_(freep) char *other = NULL;
        Sample sample;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                sample_load(&sample, "es256-none");
                if (cases[i].value)
                        json_object_set_new(sample.response, cases[i].key,
                                            json_string(cases[i].value));
                else
                        json_object_del(sample.response, cases[i].key);
                assert_refused(&sample, cases[i].key);
                sample_done(&sample);
        }

        sample_load(&sample, "es256-none");
        other = base64url_encode(sample_auth_data(&sample, AT_ID), 31);
        json_object_set_new(sample.response, "id", json_string(other));
        assert_refused(&sample, "same string");
        json_object_set_new(sample.response, "rawId", json_string(other));
        assert_refused(&sample, "must be the id of the new credential");
        sample_done(&sample);
}

static void test_other_spellings(void **state)
{
        static const char *const endings[] = {"=", "==", "A", " ", "\n", "+", "/"};

        for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
                static const char *const members[] = {"clientDataJSON", "attestationObject"};

                for (size_t j = 0; j < ARRAY_SIZE(members); j++) {
                        _cleanup_(freep) char *text = NULL;
                        Sample sample;

                        sample_load(&sample, "es256-none");
                        assert_true(asprintf(&text, "%s%s",
                                             json_string_value(json_object_get(
                                                     sample_inner(&sample), members[j])),
                                             endings[i]) > 0);
                        json_object_set_new(sample_inner(&sample), members[j], json_string(text));
                        assert_non_null(verify(&sample));
                        sample_done(&sample);
                }
        }
}

static void test_no_response(void **state)
{
        static const char *const texts[] = {"null", "[]", "{}", "{\"response\": 1}"};
        Credential *credential;
        Sample sample;

        sample_load(&sample, "es256-none");
        assert_non_null(ceremony_verify_registration(&sample.ceremony, NULL, &credential));
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                json_t *response = json_loads(texts[i], JSON_DECODE_ANY, NULL);

                assert_non_null(
                        ceremony_verify_registration(&sample.ceremony, response, &credential));
                json_decref(response);
        }
        json_object_del(sample.response, "response");
        assert_refused(&sample, "base64url");
        sample_done(&sample);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_recorded_registrations),
                cmocka_unit_test(test_transports_are_filtered),
                cmocka_unit_test(test_another_ceremony),
                cmocka_unit_test(test_client_data),
                cmocka_unit_test(test_signed_client_data),
                cmocka_unit_test(test_flags),
                cmocka_unit_test(test_flipped_bits),
                cmocka_unit_test(test_statement_of_none),
                cmocka_unit_test(test_stripped_certificates),
                cmocka_unit_test(test_lengths),
                cmocka_unit_test(test_inner_lengths),
                cmocka_unit_test(test_public_key),
                cmocka_unit_test(test_incomplete_keys),
                cmocka_unit_test(test_trailing_byte),
                cmocka_unit_test(test_malformed_cbor),
                cmocka_unit_test(test_ids),
                cmocka_unit_test(test_other_spellings),
                cmocka_unit_test(test_no_response),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

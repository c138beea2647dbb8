/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "sandbox/webauthn/authdata.h"
#include "sandbox/webauthn/base64url.h"
#include "tests/unit/sandbox/sample.h"
#include "tests/unit/test.h"

static const char *const names[] = {"es256-none", "es256-packed", "rs256-none", "rs256-packed",
                                    "eddsa-none", "eddsa-packed", "https",      "localhost"};

/* A recorded browser authentication, with the credential of its registration. */
typedef struct Login {
        json_t *root;
        json_t *response, *inner;
        Ceremony ceremony;
        Credential *credential;
} Login;

static void login_load(Login *login, const char *name)
{
        _cleanup_(freep) char *path = NULL;
        Sample sample;

        *login = (Login){};
        sample_load(&sample, name);
        assert_null(ceremony_verify_registration(&sample.ceremony, sample.response,
                                                 &login->credential));
        sample_done(&sample);
        assert_true(asprintf(&path, "%s/authentication-%s.json", getenv("TEST_WEBAUTHN_DATA"),
                             name) > 0);
        login->root = json_load_file(path, 0, NULL);
        assert_non_null(login->root);
        login->response = json_object_get(login->root, "response");
        login->inner = json_object_get(login->response, "response");
        login->ceremony = (Ceremony){
                .challenge = json_text(json_object_get(login->root, "options"), "challenge"),
                .origin = json_text(login->root, "origin"),
                .rp_id = json_text(login->root, "rpId"),
                .user_verification_required = true,
        };
}

static void login_done(Login *login)
{
        credential_free(login->credential);
        json_decref(login->root);
}

static const char *verify(Login *login)
{
        Assertion assertion;

        return ceremony_verify_authentication(&login->ceremony, login->response,
                                              login->credential->public_key, &assertion);
}

static void assert_refused(Login *login, const char *reason)
{
        const char *problem = verify(login);

        assert_non_null(problem);
        if (!strstr(problem, reason))
                fail_msg("refused because \"%s\", not \"%s\"", problem, reason);
}

static void test_recorded_authentication(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_(login_done) Login login = {};
                Assertion assertion;
                const char *id;

                login_load(&login, names[i]);
                assert_null(ceremony_credential_id(login.response, &id));
                assert_string_equal(id, login.credential->id);
                assert_null(ceremony_verify_authentication(
                        &login.ceremony, login.response, login.credential->public_key, &assertion));
                assert_true(assertion.counter > login.credential->counter);
                assert_true(assertion.user_verified);
                assert_false(assertion.backup_eligible);
                assert_false(assertion.backed_up);
        }
}

static void test_another_ceremony(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_(login_done) Login login = {}, other = {};
                Ceremony real;

                login_load(&login, names[i]);
                login_load(&other, names[(i + 1) % ARRAY_SIZE(names)]);
                real = login.ceremony;
                login.ceremony.challenge = other.ceremony.challenge;
                assert_refused(&login, "challenge");
                login.ceremony = real;
                login.ceremony.origin = "http://localhost:1";
                assert_refused(&login, "origin");
                login.ceremony = real;
                login.ceremony.rp_id = "example.org";
                assert_refused(&login, "relying party");
                login.ceremony = real;
                free(login.credential->public_key);
                login.credential->public_key = TAKE_PTR(other.credential->public_key);
                assert_refused(&login, "signature");
        }
}

/* Flips each bit of the signed data and of the signature. */
static void test_flipped_bits(void **state)
{
        static const char *const members[] = {"authenticatorData", "clientDataJSON", "signature"};

        for (size_t i = 0; i < ARRAY_SIZE(members) * 3; i++) {
                _cleanup_(login_done) Login login = {};
                _cleanup_(freep) uint8_t *data = NULL;
                const char *member = members[i % 3];
                size_t len;

                login_load(&login, names[i / 3 * 2]);
                assert_int_equal(base64url_decode(json_text(login.inner, member), &data, &len), 0);
                for (size_t bit = 0; bit < len * 8; bit++) {
                        _cleanup_(freep) char *text = NULL;

                        data[bit / 8] ^= (uint8_t) (1 << bit % 8);
                        text = base64url_encode(data, len);
                        data[bit / 8] ^= (uint8_t) (1 << bit % 8);
                        json_object_set_new(login.inner, member, json_string(text));
                        if (!verify(&login))
                                fail_msg("%s: accepted with bit %zu flipped", member, bit);
                }
        }
}

static void test_members(void **state)
{
        static const char *const members[] = {"authenticatorData", "clientDataJSON", "signature"};
        static const char *const wrong[] = {"", "a", "a+b/", "AAAA="};

        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                _cleanup_(login_done) Login login = {};

                login_load(&login, "es256-none");
                for (size_t j = 0; j < ARRAY_SIZE(wrong); j++) {
                        json_object_set_new(login.inner, members[i], json_string(wrong[j]));
                        assert_non_null(verify(&login));
                }
                json_object_set_new(login.inner, members[i], json_integer(7));
                assert_non_null(verify(&login));
                json_object_del(login.inner, members[i]);
                assert_non_null(verify(&login));
        }
}

static void test_keys(void **state)
{
        static const char *const keys[] = {"", "a", "AAAA", "oA", "pQECAyYgASFYIA"};
        _cleanup_(login_done) Login login = {};

        login_load(&login, "es256-none");
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                free(login.credential->public_key);
                login.credential->public_key = strdup(keys[i]);
                assert_refused(&login, "public key");
        }
}

/* clientDataJSON of a registration, with the right challenge. */
static void test_registration(void **state)
{
        _cleanup_(login_done) Login login = {};
        Sample sample;

        login_load(&login, "es256-none");
        sample_load(&sample, "es256-none");
        login.ceremony = sample.ceremony;
        json_object_set(login.inner, "clientDataJSON",
                        json_object_get(sample_inner(&sample), "clientDataJSON"));
        assert_refused(&login, "type");
        sample_done(&sample);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_recorded_authentication),
                cmocka_unit_test(test_another_ceremony),
                cmocka_unit_test(test_flipped_bits),
                cmocka_unit_test(test_members),
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_registration),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

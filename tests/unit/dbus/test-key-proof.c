/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "dbus/key-proof.h"
#include "tests/unit/test.h"

#define NONCE "0123456789abcdefghijklmnopqrstuv"

static void prove(const char *text, const char *nonce, char proof[static KEY_PROOF_LEN + 1])
{
        Secret *key;

        assert_int_equal(secret_new(text, strlen(text), &key), 0);
        assert_int_equal(key_proof(key, nonce, proof), 0);
        secret_unref(key);
}

/* From: printf dev.passlock.Passlock1.ProveKey:NONCE | openssl dgst -sha256 -hmac the-key */
static void test_known_answer(void **state)
{
        char proof[KEY_PROOF_LEN + 1];

        prove("the-key", NONCE, proof);
        assert_string_equal(proof,
                            "5631f4605156cf8314e46e5eabe9990423ade1da364e7214f54072be3219e420");
}

static void test_every_input_matters(void **state)
{
        char proof[3][KEY_PROOF_LEN + 1];

        prove("the-key", NONCE, proof[0]);
        prove("the-kez", NONCE, proof[1]);
        prove("the-key", NONCE "w", proof[2]);
        assert_string_not_equal(proof[0], proof[1]);
        assert_string_not_equal(proof[0], proof[2]);
        assert_string_not_equal(proof[1], proof[2]);
}

static void test_nonce(void **state)
{
        char longest[KEY_PROOF_NONCE_MAX + 2], proof[KEY_PROOF_LEN + 1] = "untouched";
        Secret *key;

        memset(longest, '-', sizeof(longest));
        longest[KEY_PROOF_NONCE_MAX + 1] = '\0';
        assert_false(key_proof_nonce_is_valid(longest));
        assert_int_equal(secret_new("k", 1, &key), 0);
        assert_int_equal(key_proof(key, longest, proof), -EINVAL);
        assert_string_equal(proof, "untouched");
        longest[KEY_PROOF_NONCE_MAX] = '\0';
        assert_true(key_proof_nonce_is_valid(longest));
        assert_int_equal(key_proof(key, longest, proof), 0);
        secret_unref(key);
        assert_true(key_proof_nonce_is_valid(NONCE));
        assert_false(key_proof_nonce_is_valid(&NONCE[1]));
        assert_false(key_proof_nonce_is_valid(NONCE ":"));
        assert_false(key_proof_nonce_is_valid(""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_known_answer),
                cmocka_unit_test(test_every_input_matters),
                cmocka_unit_test(test_nonce),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "sandbox/tenancy/sandbox.h"
#include "sandbox/tenancy/state.h"
#include "tests/unit/sandbox/sample.h"
#include "tests/unit/test.h"

static char directory[64];
static char path[128];

static void write_file(const char *text)
{
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static char *read_file(void)
{
        FILE *f = fopen(path, "re");
        char *text = must(calloc(1, 65536));

        assert_non_null(f);
        assert_true(fread(text, 1, 65535, f) > 0);
        fclose(f);
        return text;
}

/* Adds two passkeys of one user. Returns a code. */
static char *fill(Sandbox *sandbox)
{
        static const PasskeyOwner owner = {"localhost", "u", "ada", "aGFuZGxl"};
        static const char *const names[] = {"es256-none", "rs256-packed"};
        Tenancy *tenancy;

        sandbox_open_tenancy(sandbox, "T", "key");
        tenancy = sandbox_find_tenancy(sandbox, "T");
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_(credential_freep) Credential *credential = NULL;
                Sample sample;

                sample_load(&sample, names[i]);
                assert_null(ceremony_verify_registration(&sample.ceremony, sample.response,
                                                         &credential));
                assert_non_null(vault_add(&tenancy->vault, &owner, credential, 1000));
                sample_done(&sample);
        }
        sandbox->dirty = true;
        return token_store_issue(&tenancy->tokens, TOKEN_CODE, 0, sandbox_now_ms(sandbox) + 60000,
                                 json_pack("{s:s}", "a", "b"));
}

static void test_round_trip(void **state)
{
        _cleanup_(sandbox_freep) Sandbox *before = NULL, *after = NULL;
        _cleanup_(json_decrefp) json_t *old_keys = NULL, *new_keys = NULL, *payload = NULL;
        _cleanup_(freep) char *code = NULL, *old_handle = NULL, *new_handle = NULL;
        Tenancy *old, *new;
        struct stat st;

        assert_int_equal(sandbox_new(path, &before), 0);
        code = fill(before);
        assert_int_equal(sandbox_sync(before), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);

        assert_int_equal(sandbox_new(path, &after), 0);
        assert_null(sandbox_find_tenancy(after, "T")); /* not open without its API key */
        sandbox_open_tenancy(after, "T", "another key");
        old = sandbox_find_tenancy(before, "T");
        new = sandbox_find_tenancy(after, "T");
        assert_true(json_equal(old->vault.passkeys, new->vault.passkeys));
        old_keys = signer_key_set(before->signer);
        new_keys = signer_key_set(after->signer);
        assert_true(json_equal(old_keys, new_keys));
        old_handle = sandbox_user_handle(before, old, "localhost", "u");
        new_handle = sandbox_user_handle(after, new, "localhost", "u");
        assert_string_equal(old_handle, new_handle);
        payload = token_store_redeem(&new->tokens, TOKEN_CODE, sandbox_now_ms(after), code);
        assert_non_null(payload);
}

static void test_other_tenancies_are_kept(void **state)
{
        Sandbox *sandbox;

        assert_int_equal(sandbox_new(path, &sandbox), 0);
        free(fill(sandbox));
        assert_int_equal(sandbox_sync(sandbox), 0);
        sandbox_free(sandbox);

        assert_int_equal(sandbox_new(path, &sandbox), 0);
        sandbox_open_tenancy(sandbox, "U", "key");
        assert_int_equal(sandbox_sync(sandbox), 0);
        sandbox_free(sandbox);

        assert_int_equal(sandbox_new(path, &sandbox), 0);
        sandbox_open_tenancy(sandbox, "T", "key");
        assert_int_equal(json_array_size(sandbox_find_tenancy(sandbox, "T")->vault.passkeys), 2);
        sandbox_free(sandbox);
}

static void test_corruption(void **state)
{
        _cleanup_(freep) char *good = NULL;
        Sandbox *sandbox;
        size_t len;

        assert_int_equal(sandbox_new(path, &sandbox), 0);
        free(fill(sandbox));
        assert_int_equal(sandbox_sync(sandbox), 0);
        sandbox_free(sandbox);
        good = read_file();
        len = strlen(good);

        for (size_t n = 0; n < len; n += 1 + len / 200) {
                _cleanup_(freep) char *cut = must(strndup(good, n)), *now = NULL;

                write_file(cut);
                assert_int_equal(sandbox_new(path, &sandbox), -EBADMSG);
                if (n == 0)
                        continue;
                now = read_file();
                assert_string_equal(now, cut); /* the file is unchanged */
        }
}

/* Each member of a valid file missing, and of a wrong type. */
static void test_wrong_members(void **state)
{
        static const char *const paths[][4] = {
                {"version"},
                {"signingKey"},
                {"signingKey", "d"},
                {"signingKey", "kid"},
                {"signingKey", "kty"},
                {"handleSecret"},
                {"tenancies"},
                {"tenancies", "T"},
                {"tenancies", "T", "passkeys"},
                {"tenancies", "T", "tokens"},
        };
        _cleanup_(json_decrefp) json_t *good = NULL;
        Sandbox *sandbox;

        assert_int_equal(sandbox_new(path, &sandbox), 0);
        free(fill(sandbox));
        assert_int_equal(sandbox_sync(sandbox), 0);
        sandbox_free(sandbox);
        assert_int_equal(state_load(path, &good), 0);

        for (size_t i = 0; i < 2 * ARRAY_SIZE(paths); i++) {
                _cleanup_(json_decrefp) json_t *bad = json_deep_copy(good);
                const char *const *p = paths[i / 2];
                json_t *object = bad;

                for (; p[1]; p++)
                        object = json_object_get(object, *p);
                if (i % 2)
                        json_object_set_new(object, *p, json_real(0.5));
                else if (streq(*p, "T"))
                        continue; /* tenancies are optional */
                else
                        json_object_del(object, *p);
                assert_int_equal(state_save(path, bad), 0);
                assert_int_equal(sandbox_new(path, &sandbox), -EBADMSG);
        }
}

static void test_wrong_passkeys(void **state)
{
        _cleanup_(json_decrefp) json_t *good = NULL;
        json_t *passkeys, *value;
        Sandbox *sandbox;
        const char *key;

        assert_int_equal(sandbox_new(path, &sandbox), 0);
        free(fill(sandbox));
        passkeys = json_incref(sandbox_find_tenancy(sandbox, "T")->vault.passkeys);
        good = json_deep_copy(json_array_get(passkeys, 0));
        sandbox_free(sandbox);
        json_decref(passkeys);

        assert_true(passkey_is_valid(good));
        json_object_foreach(good, key, value) {
                _cleanup_(json_decrefp) json_t *bad = json_copy(good);

                if (!streq(key, "platform")) {
                        json_object_del(bad, key);
                        assert_false(passkey_is_valid(bad));
                }
                json_object_set_new(bad, key, json_real(0.5));
                assert_false(passkey_is_valid(bad));
        }
        json_object_foreach(json_object_get(good, "credential"), key, value) {
                _cleanup_(json_decrefp) json_t *bad = json_deep_copy(good);
                json_t *credential = json_object_get(bad, "credential");

                json_object_set_new(credential, key, json_real(0.5));
                assert_false(passkey_is_valid(bad));
                json_object_del(credential, key);
                assert_false(passkey_is_valid(bad));
        }
}

static void test_no_file(void **state)
{
        _cleanup_(sandbox_freep) Sandbox *sandbox = NULL;
        Sandbox *none;

        assert_int_equal(sandbox_new(path, &sandbox), 0);
        assert_int_equal(access(path, F_OK), -1); /* not written without changes */
        assert_int_equal(sandbox_new(directory, &none), -EISDIR);
        free(sandbox->state_path);
        sandbox->state_path = must(strdup("/nonexistent/state.json"));
        assert_int_equal(sandbox_sync(sandbox), -ENOENT);
        assert_true(sandbox->dirty);
}

static int setup(void **state)
{
        strcpy(directory, "/tmp/test-state.XXXXXX");
        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/state.json", directory);
        return 0;
}

static int teardown(void **state)
{
        unlink(path);
        return rmdir(directory); /* fails if there is a temporary file */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
                cmocka_unit_test_setup_teardown(test_other_tenancies_are_kept, setup, teardown),
                cmocka_unit_test_setup_teardown(test_corruption, setup, teardown),
                cmocka_unit_test_setup_teardown(test_wrong_members, setup, teardown),
                cmocka_unit_test_setup_teardown(test_wrong_passkeys, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_file, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

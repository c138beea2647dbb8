/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "sandbox/endpoints/signal-api.h"
#include "sandbox/tenancy/vault.h"
#include "tests/unit/test.h"

/* Adds a passkey and returns its id, owned. */
static char *add(Vault *vault, const char *credential_id, const char *user_id, const char *rp_id)
{
        _cleanup_(json_decrefp) json_t *transports = json_array();
        PasskeyOwner owner = {rp_id, user_id, "ada", user_id};
        Credential credential = {
                .id = (char *) credential_id,
                .public_key = (char *) "a2V5",
                .aaguid = "00000000-0000-0000-0000-000000000000",
                .transports = transports,
        };

        return strdup(passkey_id(vault_add(vault, &owner, &credential, 1000)));
}

static size_t count(const Vault *vault, const char *user_id)
{
        _cleanup_(json_decrefp) json_t *passkeys = vault_of_user(vault, user_id);

        return json_array_size(passkeys);
}

/* Counts all passkeys, page by page. */
static size_t count_listed(const Vault *vault)
{
        _cleanup_(freep) char *cursor = NULL;
        size_t n = 0;

        do {
                _cleanup_(freep) char *next = NULL;
                json_t *page = vault_page(vault, cursor, &next);

                assert_non_null(page);
                n += json_array_size(page);
                json_decref(page);
                free(cursor);
                cursor = TAKE_PTR(next);
        } while (cursor);
        return n;
}

static void test_lookups(void **state)
{
        _cleanup_(vault_done) Vault vault = {};
        _cleanup_(freep) char *one = NULL, *two = NULL, *other = NULL;
        json_t *passkey;

        assert_int_equal(vault_init(&vault, NULL), 0);
        one = add(&vault, "c1", "u", "localhost");
        two = add(&vault, "c2", "u", "localhost");
        other = add(&vault, "c3", "v", "localhost");
        assert_string_equal(passkey_id(vault_find_credential(&vault, "c2")), two);
        assert_int_equal(count(&vault, "u"), 2);
        assert_int_equal(count(&vault, "v"), 1);
        assert_int_equal(count(&vault, "w"), 0);

        passkey = vault_find(&vault, two);
        assert_non_null(passkey);
        vault_remove(&vault, passkey); /* the last reference */
        assert_null(vault_find(&vault, two));
        assert_null(vault_find_credential(&vault, "c2"));
        assert_int_equal(count(&vault, "u"), 1);
        assert_int_equal(count_listed(&vault), 2);
        vault_remove(&vault, vault_find(&vault, other));
        assert_int_equal(json_object_size(vault.by_user), 1);
        assert_non_null(vault_find(&vault, one));
}

static void test_pick(void **state)
{
        _cleanup_(vault_done) Vault vault = {};
        _cleanup_(freep) char *one = NULL, *two = NULL;
        _cleanup_(json_decrefp) json_t *ids = NULL, *picked = NULL;

        assert_int_equal(vault_init(&vault, NULL), 0);
        one = add(&vault, "c1", "u", "localhost");
        two = add(&vault, "c2", "u", "localhost");
        ids = json_pack("[s, s, s]", two, "pk_unknown", one);
        picked = vault_pick(&vault, ids);
        assert_int_equal(json_array_size(picked), 2);
        assert_string_equal(passkey_id(json_array_get(picked, 0)), two);
        assert_string_equal(passkey_id(json_array_get(picked, 1)), one);
}

/* Ids are not reused: a cursor stays valid after removals. */
static void test_ids_grow(void **state)
{
        _cleanup_(vault_done) Vault vault = {};
        _cleanup_(freep) char *one = NULL, *two = NULL, *three = NULL;

        assert_int_equal(vault_init(&vault, NULL), 0);
        one = add(&vault, "c1", "u", "localhost");
        two = add(&vault, "c2", "u", "localhost");
        vault_remove(&vault, vault_find(&vault, two));
        three = add(&vault, "c2", "u", "localhost");
        assert_int_equal(strncmp(three, "pk_00000003_", 12), 0);
        assert_int_equal(count_listed(&vault), 2);
}

static void test_pages(void **state)
{
        _cleanup_(vault_done) Vault vault = {};

        assert_int_equal(vault_init(&vault, NULL), 0);
        for (size_t n = 1; n <= 2 * VAULT_PAGE_LEN + 1; n++) {
                char name[16];

                assert_int_equal(count_listed(&vault), n - 1);
                snprintf(name, sizeof(name), "c%zu", n);
                free(add(&vault, name, "u", "localhost"));
        }
}

static void test_saved(void **state)
{
        _cleanup_(vault_done) Vault before = {}, after = {}, bad = {};
        _cleanup_(json_decrefp) json_t *saved = NULL;
        json_t *second;

        assert_int_equal(vault_init(&before, NULL), 0);
        free(add(&before, "c1", "u", "localhost"));
        free(add(&before, "c2", "u", "localhost"));
        saved = json_deep_copy(before.passkeys);
        assert_int_equal(vault_init(&after, saved), 0);
        assert_int_equal(count(&after, "u"), 2);
        assert_non_null(vault_find_credential(&after, "c2"));

        second = json_object_get(json_array_get(saved, 1), "credential");
        json_object_set_new(second, "id", json_string("c1")); /* duplicate credential id */
        assert_int_equal(vault_init(&bad, saved), -EBADMSG);
}

static void test_instructions(void **state)
{
        _cleanup_(vault_done) Vault vault = {};
        _cleanup_(json_decrefp) json_t *passkeys = NULL, *update = NULL, *deletion = NULL,
                                       *pruning = NULL, *none = NULL;

        assert_int_equal(vault_init(&vault, NULL), 0);
        free(add(&vault, "c1", "u", "a.example"));
        free(add(&vault, "c2", "u", "b.example"));
        free(add(&vault, "c3", "u", "a.example"));
        passkeys = vault_of_user(&vault, "u");
        update = signal_api_user_details(passkeys, "name", "");
        deletion = signal_api_unknown_credentials(passkeys);
        pruning = signal_api_accepted_credentials(passkeys);
        assert_int_equal(json_array_size(update), 2);
        assert_int_equal(json_array_size(deletion), 3);
        assert_int_equal(json_array_size(pruning), 2);
        assert_int_equal(json_array_size(json_object_get(json_array_get(pruning, 0),
                                                         "allAcceptedCredentialIds")),
                         2);

        for (size_t i = 0; i < 3; i++)
                json_object_set_new(json_array_get(passkeys, i), "enabled", json_false());
        none = signal_api_accepted_credentials(passkeys);
        assert_int_equal(json_array_size(none), 0);
        /* Earlier instructions are unchanged. */
        assert_int_equal(json_array_size(pruning), 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lookups),  cmocka_unit_test(test_pick),
                cmocka_unit_test(test_ids_grow), cmocka_unit_test(test_pages),
                cmocka_unit_test(test_saved),    cmocka_unit_test(test_instructions),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

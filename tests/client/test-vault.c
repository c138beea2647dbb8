/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "tests/client/harness.h"

static void test_get(void **state)
{
        passlock *c = ((Harness *) *state)->client;
        passlock_passkey *p = NULL;

        assert_int_equal(passlock_vault_get(c, "pk-1", &p), 0);
        assert_string_equal(passlock_passkey_get_id(p), "pk-1");
        assert_string_equal(passlock_passkey_get_user_id(p), "ada");
        assert_string_equal(passlock_passkey_get_credential_id(p), "Y3JlZA");
        assert_string_equal(passlock_passkey_get_credential_user_id(p), "dXNlcg");
        assert_true(passlock_passkey_is_enabled(p));
        assert_int_equal(passlock_passkey_get_created_at_ms(p), 1700000000000);
        assert_int_equal(passlock_passkey_get_last_used_at_ms(p), 1700000500000);
        assert_string_equal(passlock_passkey_get_username(p), "Ada L.");
        assert_string_equal(passlock_passkey_get_aaguid(p), "00000000-0000-0000-0000-000000000000");
        assert_string_equal(passlock_passkey_get_device_type(p), "multiDevice");
        assert_string_equal(passlock_passkey_get_public_key(p), "cHVi");
        assert_string_equal(passlock_passkey_get_rp_id(p), "shop.example");
        assert_string_equal(passlock_passkey_get_transports(p)[0], "internal");
        assert_string_equal(passlock_passkey_get_transports(p)[1], "hybrid");
        assert_null(passlock_passkey_get_transports(p)[2]);
        assert_true(passlock_passkey_is_backed_up(p));
        assert_int_equal(passlock_passkey_get_counter(p), 7);
        assert_int_equal(passlock_passkey_get_updated_at_ms(p), 1700000500000);
        assert_string_equal(passlock_passkey_get_platform_name(p), "iCloud Keychain");
        assert_string_equal(passlock_passkey_get_platform_icon(p), "https://icons.example/1.svg");
        assert_ptr_equal(passlock_passkey_ref(p), p);
        passlock_passkey_unref(p);
        assert_string_equal(passlock_passkey_get_id(p), "pk-1");
        assert_null(passlock_passkey_unref(p));

        assert_int_equal(passlock_vault_get(c, "plain", &p), 0);
        assert_false(passlock_passkey_is_enabled(p));
        assert_int_equal(passlock_passkey_get_last_used_at_ms(p), 0);
        assert_null(passlock_passkey_get_platform_name(p));
        assert_null(passlock_passkey_get_platform_icon(p));
        passlock_passkey_unref(p);
}

static void test_unacceptable_replies(void **state)
{
        passlock *c = ((Harness *) *state)->client;
        passlock_management *management = (passlock_management *) 1;
        passlock_passkey_list *list = (passlock_passkey_list *) 1;
        passlock_passkey *p = (passlock_passkey *) 1;

        assert_int_equal(passlock_vault_get(c, "incomplete", &p), -EPROTO);
        assert_int_equal(passlock_vault_get(c, "wrong-type", &p), -EPROTO);
        assert_int_equal(passlock_vault_get(c, "bad-reply", &p), -EPROTO);
        assert_int_equal(passlock_vault_get(c, "error:5", &p), PASSLOCK_ERROR_NOT_FOUND);
        assert_int_equal(passlock_vault_list(c, "bad-reply", &list), -EPROTO);
        assert_int_equal(passlock_vault_prune(c, "bad-reply", &management), -EPROTO);
        assert_ptr_equal(p, (passlock_passkey *) 1);
        assert_ptr_equal(list, (passlock_passkey_list *) 1);
        assert_ptr_equal(management, (passlock_management *) 1);
}

static void test_list(void **state)
{
        passlock *c = ((Harness *) *state)->client;
        passlock_passkey_list *list = NULL;
        passlock_passkey *p;

        assert_int_equal(passlock_vault_list(c, NULL, &list), 0);
        assert_int_equal(passlock_passkey_list_get_size(list), 2);
        assert_string_equal(passlock_passkey_list_get_next_cursor(list), "next");
        assert_null(passlock_passkey_list_get(list, 2));

        /* A reference to a passkey outlives its list; list entries have fewer fields. */
        p = passlock_passkey_ref(passlock_passkey_list_get(list, 1));
        assert_ptr_equal(passlock_passkey_list_ref(list), list);
        passlock_passkey_list_unref(list);
        assert_null(passlock_passkey_list_unref(list));
        assert_string_equal(passlock_passkey_get_id(p), "pk-1");
        assert_string_equal(passlock_passkey_get_user_id(p), "ada");
        assert_null(passlock_passkey_get_username(p));
        assert_null(passlock_passkey_get_transports(p)[0]);
        assert_int_equal(passlock_passkey_get_counter(p), 0);
        passlock_passkey_unref(p);

        assert_int_equal(passlock_vault_list(c, "next", &list), 0);
        assert_int_equal(passlock_passkey_list_get_size(list), 1);
        assert_string_equal(passlock_passkey_list_get_next_cursor(list), "");
        passlock_passkey_list_unref(list);
}

/* Takes ownership of the result. */
static void expect_token(passlock_management *management, const char *token)
{
        assert_string_equal(passlock_management_get_token(management), token);
        assert_int_equal(passlock_management_get_expires_at_ms(management), 1700000000123);
        assert_int_equal(passlock_management_get_n_warnings(management), 0);
        assert_null(passlock_management_get_warning_code(management, 0));
        passlock_management_unref(management);
}

static void test_changes(void **state)
{
        const char *const ids[] = {"a", "b", NULL}, *const none[] = {NULL};
        passlock *c = ((Harness *) *state)->client;
        passlock_options *options = NULL;
        passlock_management *m = NULL;

        assert_int_equal(passlock_options_new(&options), 0);
        assert_int_equal(passlock_options_set_string(options, "display_name", "Ada"), 0);
        assert_int_equal(passlock_vault_update(c, "u1", "ada", options, &m), 0);
        expect_token(m, "update u1 ada display_name=Ada");
        assert_int_equal(passlock_vault_update(c, "u1", "ada", NULL, &m), 0);
        expect_token(m, "update u1 ada");
        passlock_options_unref(options);
        assert_int_equal(passlock_vault_delete(c, ids, &m), 0);
        expect_token(m, "delete a b");
        assert_int_equal(passlock_vault_delete(c, none, &m), 0);
        expect_token(m, "delete");
        assert_int_equal(passlock_vault_delete_user(c, "u1", &m), 0);
        expect_token(m, "DeleteUserPasskeys u1");
        assert_int_equal(passlock_vault_prune(c, "u1", &m), 0);
        expect_token(m, "PrunePasskeys u1");
}

static void test_warnings(void **state)
{
        const char *const ids[] = {"a", "warn-1", NULL};
        passlock *c = ((Harness *) *state)->client;
        passlock_management *m = NULL;

        assert_int_equal(passlock_vault_delete(c, ids, &m), 0);
        assert_int_equal(passlock_management_get_n_warnings(m), 2);
        assert_string_equal(passlock_management_get_warning_code(m, 0), "PASSKEY_NOT_FOUND");
        assert_string_equal(passlock_management_get_warning_message(m, 0),
                            "There is no such passkey");
        assert_string_equal(passlock_management_get_warning_passkey_id(m, 0), "warn-1");
        assert_string_equal(passlock_management_get_warning_code(m, 1), "NO_PASSKEYS_FOUND");
        assert_null(passlock_management_get_warning_passkey_id(m, 1));
        assert_null(passlock_management_get_warning_code(m, 2));
        assert_null(passlock_management_get_warning_message(m, 2));
        assert_null(passlock_management_get_warning_passkey_id(m, 2));
        assert_ptr_equal(passlock_management_ref(m), m);
        passlock_management_unref(m);
        assert_non_null(passlock_management_get_token(m));
        assert_null(passlock_management_unref(m));
}

static void test_unsendable_lists(void **state)
{
        const char *const bad[] = {"ok", "\xff", NULL};
        Harness *h = *state;
        passlock_management *m = NULL;
        const char **many;

        many = calloc(4098, sizeof(char *));
        for (size_t i = 0; i < 4097; i++)
                many[i] = "x";
        assert_int_equal(passlock_vault_delete(h->client, bad, &m), PASSLOCK_ERROR_INVALID_ARGS);
        assert_int_equal(passlock_vault_delete(h->client, many, &m), PASSLOCK_ERROR_INVALID_ARGS);
        assert_int_equal(passlock_vault_delete(h->client, NULL, &m), -EINVAL);
        assert_int_equal(harness_count_log(h, "DeletePasskeys"), 0);
        free(many);
}

static void test_nulls(void **state)
{
        const char *const ids[] = {"a", NULL};
        passlock *c = ((Harness *) *state)->client;
        passlock_management *m = NULL;

        assert_int_equal(passlock_vault_get(c, "a", NULL), -EINVAL);
        assert_int_equal(passlock_vault_list(c, "a", NULL), -EINVAL);
        assert_int_equal(passlock_vault_update(c, "a", "b", NULL, NULL), -EINVAL);
        assert_int_equal(passlock_vault_update(c, "a", NULL, NULL, &m), -EINVAL);
        assert_int_equal(passlock_vault_delete(c, ids, NULL), -EINVAL);
        assert_int_equal(passlock_vault_delete_user(c, "a", NULL), -EINVAL);
        assert_int_equal(passlock_vault_prune(c, NULL, &m), -EINVAL);
        assert_null(passlock_passkey_unref(NULL));
        assert_null(passlock_passkey_list_unref(NULL));
        assert_null(passlock_management_unref(NULL));
}

typedef struct Seen {
        unsigned n;
        char text[128];
} Seen;

static void see(Seen *seen, int r, const char *text)
{
        assert_int_equal(r, 0);
        seen->n++;
        strncpy(seen->text, text, sizeof(seen->text) - 1);
}

static void on_passkey(passlock *client, int r, const char *error_text, passlock_passkey *passkey,
                       void *userdata)
{
        see(userdata, r, passlock_passkey_get_id(passkey));
}

static void on_passkeys(passlock *client, int r, const char *error_text,
                        passlock_passkey_list *passkeys, void *userdata)
{
        see(userdata, r, passlock_passkey_list_get_next_cursor(passkeys));
}

static void on_management(passlock *client, int r, const char *error_text,
                          passlock_management *management, void *userdata)
{
        see(userdata, r, passlock_management_get_token(management));
}

static void on_failure(passlock *client, int r, const char *error_text,
                       passlock_management *management, void *userdata)
{
        assert_int_equal(r, PASSLOCK_ERROR_BAD_REQUEST);
        assert_string_equal(error_text, "text of 6");
        assert_null(management);
        ((Seen *) userdata)->n++;
}

static void test_asynchronous(void **state)
{
        const char *const expected[] = {"pk-1",
                                        "next",
                                        "update u n",
                                        "delete a",
                                        "DeleteUserPasskeys u1",
                                        "PrunePasskeys u1"};
        const char *const ids[] = {"a", NULL};
        Harness *h = *state;
        passlock *c = h->client;
        Seen s[7] = {};

        assert_int_equal(passlock_vault_get_async(c, "pk-1", on_passkey, &s[0], NULL), 0);
        assert_int_equal(passlock_vault_list_async(c, NULL, on_passkeys, &s[1], NULL), 0);
        assert_int_equal(passlock_vault_update_async(c, "u", "n", NULL, on_management, &s[2], NULL),
                         0);
        assert_int_equal(passlock_vault_delete_async(c, ids, on_management, &s[3], NULL), 0);
        assert_int_equal(passlock_vault_delete_user_async(c, "u1", on_management, &s[4], NULL), 0);
        assert_int_equal(passlock_vault_prune_async(c, "u1", on_management, &s[5], NULL), 0);
        assert_int_equal(passlock_vault_prune_async(c, "error:6", on_failure, &s[6], NULL), 0);
        for (size_t i = 0; i < ARRAY_SIZE(s); i++)
                harness_run_until(h, &s[i].n, 1);
        for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
                assert_string_equal(s[i].text, expected[i]);
}

/* Reads and idempotent changes are retried: the service replies to the second call. */
static void test_retried(void **state)
{
        const char *const ids[] = {"die-once-delete", NULL};
        Harness *h = *state;
        passlock_passkey_list *list = NULL;
        passlock_management *m = NULL;
        passlock_passkey *p = NULL;

        assert_int_equal(passlock_vault_get(h->client, "die-once-get", &p), 0);
        passlock_passkey_unref(p);
        assert_int_equal(passlock_vault_list(h->client, "die-once-list", &list), 0);
        passlock_passkey_list_unref(list);
        assert_int_equal(passlock_vault_update(h->client, "die-once-update", "n", NULL, &m), 0);
        passlock_management_unref(m);
        assert_int_equal(passlock_vault_delete(h->client, ids, &m), 0);
        passlock_management_unref(m);
        assert_int_equal(passlock_vault_delete_user(h->client, "die-once-user", &m), 0);
        passlock_management_unref(m);
        assert_int_equal(passlock_vault_prune(h->client, "die-once-prune", &m), 0);
        passlock_management_unref(m);
        assert_int_equal(harness_count_log(h, "GetPasskey die-once-get"), 2);
        assert_int_equal(harness_count_log(h, "ListPasskeys die-once-list"), 2);
        assert_int_equal(harness_count_log(h, "UpdatePasskeys die-once-update n"), 2);
        assert_int_equal(harness_count_log(h, "DeletePasskeys delete die-once-delete"), 2);
        assert_int_equal(harness_count_log(h, "DeleteUserPasskeys die-once-user"), 2);
        assert_int_equal(harness_count_log(h, "PrunePasskeys die-once-prune"), 2);
}

#define test(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
#define activatable(name) \
        cmocka_unit_test_setup_teardown(name, harness_setup_activatable, harness_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                test(test_get),
                test(test_unacceptable_replies),
                test(test_list),
                test(test_changes),
                test(test_warnings),
                test(test_unsendable_lists),
                test(test_nulls),
                test(test_asynchronous),
                activatable(test_retried),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

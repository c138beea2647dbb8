/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "dbus/error.h"
#include "tests/client/harness.h"

static void test_authorize(void **state)
{
        const char *const exclude[] = {"a", "b", NULL};
        passlock *c = ((Harness *) *state)->client;
        passlock_options *options = NULL;
        passlock_token *token = NULL;

        assert_int_equal(passlock_authorize(c, "shop.example", "u1", "ada", NULL, &token), 0);
        assert_string_equal(passlock_token_get_text(token), "shop.example u1 ada");
        assert_int_equal(passlock_token_get_expires_at_ms(token), 1700000000123);
        assert_ptr_equal(passlock_token_ref(token), token);
        assert_null(passlock_token_unref(token));
        assert_string_equal(passlock_token_get_text(token), "shop.example u1 ada");
        passlock_token_unref(token);

        assert_int_equal(passlock_options_new(&options), 0);
        assert_int_equal(passlock_options_set_string(options, "rp_name", "Shop"), 0);
        assert_int_equal(passlock_options_set_strv(options, "exclude_credentials", exclude), 0);
        assert_int_equal(passlock_options_set_bool(options, "exclude_linked", false), 0);
        assert_int_equal(passlock_options_set_uint32(options, "timeout_ms", 5), 0);
        assert_int_equal(passlock_authorize(c, "shop.example", "u1", "ada", options, &token), 0);
        assert_string_equal(passlock_token_get_text(token),
                            "shop.example u1 ada rp_name=Shop exclude_credentials=[a][b]"
                            " exclude_linked=no timeout_ms=5");
        passlock_token_unref(token);
        assert_null(passlock_options_unref(options));
}

static void test_authentication(void **state)
{
        const char *const allow[] = {"a", "b", NULL};
        passlock *c = ((Harness *) *state)->client;
        passlock_options *options = NULL;
        passlock_token *token = NULL;

        assert_int_equal(passlock_options_new(&options), 0);
        assert_int_equal(passlock_options_set_string(options, "user_id", "u1"), 0);
        assert_int_equal(passlock_options_set_strv(options, "allow_credentials", allow), 0);
        assert_int_equal(passlock_authorize_authentication(c, "shop.example", options, &token), 0);
        assert_string_equal(passlock_token_get_text(token),
                            "shop.example user_id=u1 allow_credentials=[a][b]");
        assert_int_equal(passlock_token_get_expires_at_ms(token), 1700000000123);
        passlock_token_unref(token);
        passlock_options_unref(options);
        assert_int_equal(passlock_authorize_authentication(c, "error:6", NULL, &token),
                         PASSLOCK_ERROR_BAD_REQUEST);
        assert_int_equal(passlock_authorize_authentication(c, "r", NULL, NULL), -EINVAL);
}

static void test_id_token(void **state)
{
        passlock *c = ((Harness *) *state)->client;
        passlock_options *options = NULL;
        passlock_principal *p = NULL;

        assert_int_equal(passlock_options_new(&options), 0);
        assert_int_equal(passlock_options_set_string(options, "user_id", "ada"), 0);
        assert_int_equal(passlock_verify_id_token(c, "a.b.c", options, &p), 0);
        assert_string_equal(passlock_principal_get_id(p), "jti-1");
        assert_string_equal(passlock_principal_get_user_agent(p), " user_id=ada");
        assert_false(passlock_principal_is_linked(p));
        passlock_principal_unref(p);
        passlock_options_unref(options);
        assert_int_equal(passlock_verify_id_token(c, "error:2", NULL, &p),
                         PASSLOCK_ERROR_INVALID_TOKEN);
        assert_int_equal(passlock_verify_id_token(c, "t", NULL, NULL), -EINVAL);
}

static void expect_options(passlock *c, const passlock_options *options, const char *expected)
{
        passlock_token *token = NULL;

        assert_int_equal(passlock_authorize(c, "r", "u", "n", options, &token), 0);
        assert_string_equal(passlock_token_get_text(token), expected);
        passlock_token_unref(token);
}

static void test_options(void **state)
{
        const char *const none[] = {NULL}, *const bad[] = {"ok", "\xff", NULL};
        passlock *c = ((Harness *) *state)->client;
        passlock_options *o = NULL;
        const char **many;

        assert_int_equal(passlock_options_new(NULL), -EINVAL);
        assert_int_equal(passlock_options_new(&o), 0);
        assert_int_equal(passlock_options_set_string(o, "a", "1"), 0);
        assert_int_equal(passlock_options_set_string(o, "b", "2"), 0);
        assert_int_equal(passlock_options_set_uint32(o, "a", 7), 0);
        expect_options(c, o, "r u n a=7 b=2");
        assert_int_equal(passlock_options_set_strv(o, "b", none), 0);
        expect_options(c, o, "r u n a=7 b=");
        assert_int_equal(passlock_options_set_string(o, "a", NULL), 0);
        assert_int_equal(passlock_options_set_string(o, "absent", NULL), 0);
        expect_options(c, o, "r u n b=");
        assert_int_equal(passlock_options_set_strv(o, "b", NULL), 0);
        expect_options(c, o, "r u n");
        assert_int_equal(passlock_options_set_uint64(o, "a", UINT64_MAX), 0);
        expect_options(c, o, "r u n a=18446744073709551615");

        assert_int_equal(passlock_options_set_string(o, NULL, "x"), -EINVAL);
        assert_int_equal(passlock_options_set_bool(NULL, "x", true), -EINVAL);
        assert_int_equal(passlock_options_set_string(o, "a", "\xff"), PASSLOCK_ERROR_INVALID_ARGS);
        assert_int_equal(passlock_options_set_uint32(o, "\xff", 1), PASSLOCK_ERROR_INVALID_ARGS);
        assert_int_equal(passlock_options_set_uint64(o, "\xff", 1), PASSLOCK_ERROR_INVALID_ARGS);
        assert_int_equal(passlock_options_set_strv(o, "a", bad), PASSLOCK_ERROR_INVALID_ARGS);
        many = calloc(4098, sizeof(char *));
        for (size_t i = 0; i < 4097; i++)
                many[i] = "x";
        assert_int_equal(passlock_options_set_strv(o, "a", many), PASSLOCK_ERROR_INVALID_ARGS);
        many[4096] = NULL;
        assert_int_equal(passlock_options_set_strv(o, "a", many), 0);
        free(many);
        passlock_options_unref(o);
        assert_null(passlock_options_unref(NULL));
}

static void test_exchange(void **state)
{
        passlock *c = ((Harness *) *state)->client;
        passlock_principal *p = NULL;

        assert_int_equal(passlock_exchange(c, "full", NULL, &p), 0);
        assert_int_equal(strlen(passlock_principal_get_id(p)), 32);
        assert_int_equal(strspn(passlock_principal_get_id(p), "0123456789abcdef"), 32);
        assert_string_equal(passlock_principal_get_user_id(p), "ada");
        assert_string_equal(passlock_principal_get_authenticator_id(p), "auth-1");
        assert_string_equal(passlock_principal_get_authenticator_type(p), "passkey");
        assert_string_equal(passlock_principal_get_platform_name(p), "iCloud Keychain");
        assert_string_equal(passlock_principal_get_ip_address(p), "192.0.2.7");
        assert_string_equal(passlock_principal_get_user_agent(p), "Browser/1");
        assert_int_equal(passlock_principal_get_created_at_ms(p), 1700000000000);
        assert_int_equal(passlock_principal_get_expires_at_ms(p), 1700000300000);
        assert_true(passlock_principal_is_verified(p));
        assert_true(passlock_principal_is_user_verified(p));
        assert_true(passlock_principal_is_linked(p));
        assert_true(passlock_principal_is_newly_linked(p));
        assert_ptr_equal(passlock_principal_ref(p), p);
        passlock_principal_unref(p);
        assert_string_equal(passlock_principal_get_user_id(p), "ada");
        assert_null(passlock_principal_unref(p));
}

static void test_exchange_options(void **state)
{
        passlock *c = ((Harness *) *state)->client;
        passlock_principal *p = NULL, *other = NULL;
        passlock_options *options = NULL;

        assert_int_equal(passlock_options_new(&options), 0);
        assert_int_equal(passlock_options_set_string(options, "user_id", "ada"), 0);
        assert_int_equal(passlock_options_set_bool(options, "link", false), 0);
        assert_int_equal(passlock_exchange(c, "c", options, &p), 0);
        assert_string_equal(passlock_principal_get_user_agent(p), " user_id=ada link=no");
        assert_null(passlock_principal_get_platform_name(p));
        assert_null(passlock_principal_get_ip_address(p));
        assert_false(passlock_principal_is_user_verified(p));
        assert_false(passlock_principal_is_linked(p));
        assert_false(passlock_principal_is_newly_linked(p));
        assert_int_equal(passlock_exchange(c, "c", options, &other), 0);
        assert_string_not_equal(passlock_principal_get_id(p), passlock_principal_get_id(other));
        passlock_principal_unref(p);
        passlock_principal_unref(other);

        assert_int_equal(
                passlock_options_set_string(options, "request_id", "0123456789abcdef_MINE"), 0);
        assert_int_equal(passlock_exchange(c, "c", options, &p), 0);
        assert_string_equal(passlock_principal_get_id(p), "0123456789abcdef_MINE");
        passlock_principal_unref(p);
        passlock_options_unref(options);
}

static void test_unacceptable_principals(void **state)
{
        passlock_principal *untouched = (passlock_principal *) 1;
        passlock *c = ((Harness *) *state)->client;

        assert_int_equal(passlock_exchange(c, "incomplete", NULL, &untouched), -EPROTO);
        assert_int_equal(passlock_exchange(c, "wrong-type", NULL, &untouched), -EPROTO);
        assert_int_equal(passlock_exchange(c, "twice", NULL, &untouched), -EPROTO);
        assert_int_equal(passlock_exchange(c, "bad-reply", NULL, &untouched), -EPROTO);
        assert_ptr_equal(untouched, (passlock_principal *) 1);
}

static void test_links_of_user(void **state)
{
        passlock *c = ((Harness *) *state)->client;
        passlock_link_list *links = NULL;
        passlock_link *link;

        assert_int_equal(passlock_links_list_by_user(c, "ada", &links), 0);
        assert_int_equal(passlock_link_list_get_size(links), 3);
        assert_string_equal(passlock_link_list_get_next_cursor(links), "");
        assert_null(passlock_link_list_get(links, 3));
        link = passlock_link_list_get(links, 0);
        assert_string_equal(passlock_link_get_authenticator_id(link), "auth-0");
        assert_string_equal(passlock_link_get_user_id(link), "ada");
        assert_null(passlock_link_get_platform_name(link));
        assert_int_equal(passlock_link_get_created_at_ms(link), 1700000000000);
        assert_int_equal(passlock_link_get_last_used_at_ms(link), 0);

        /* A link outlives its list. */
        link = passlock_link_ref(passlock_link_list_get(links, 1));
        assert_ptr_equal(passlock_link_list_ref(links), links);
        passlock_link_list_unref(links);
        assert_null(passlock_link_list_unref(links));
        assert_non_null(passlock_link_get_platform_name(link));
        assert_int_equal(passlock_link_get_last_used_at_ms(link), 1700000500000);
        assert_null(passlock_link_unref(link));

        assert_int_equal(passlock_links_list_by_user(c, "nobody", &links), 0);
        assert_int_equal(passlock_link_list_get_size(links), 0);
        assert_null(passlock_link_list_get(links, 0));
        passlock_link_list_unref(links);
        assert_int_equal(passlock_links_list_by_user(c, "bad-reply", &links), -EPROTO);
}

static void test_pages(void **state)
{
        Harness *h = *state;
        passlock_link_list *links = NULL;
        char cursor[64] = "";
        unsigned n = 0, n_pages = 0;

        harness_stop_service(h);
        harness_start_service(h, "links=25");
        do {
                assert_int_equal(passlock_links_list(h->client, cursor, 10, &links), 0);
                n += (unsigned) passlock_link_list_get_size(links);
                n_pages++;
                strcpy(cursor, passlock_link_list_get_next_cursor(links));
                passlock_link_list_unref(links);
        } while (*cursor);
        assert_int_equal(n, 25);
        assert_int_equal(n_pages, 3);
        assert_int_equal(passlock_links_list(h->client, NULL, 0, &links), 0);
        assert_int_equal(passlock_link_list_get_size(links), 25);
        passlock_link_list_unref(links);
}

static void test_links(void **state)
{
        Harness *h = *state;
        char *user_id = NULL;
        uint64_t n = 0;

        assert_int_equal(passlock_links_get_user(h->client, "auth-1", &user_id), 0);
        assert_string_equal(user_id, "user-of-auth-1");
        free(user_id);
        assert_int_equal(passlock_links_get_user(h->client, "bad-reply", &user_id), -EPROTO);
        assert_int_equal(passlock_links_add(h->client, "ada", "auth-1"), 0);
        assert_int_equal(harness_count_log(h, "Add ada auth-1"), 1);
        assert_int_equal(passlock_links_remove(h->client, "auth-1"), 0);
        assert_int_equal(harness_count_log(h, "Remove auth-1"), 1);
        assert_int_equal(passlock_links_remove(h->client, "error:5"), PASSLOCK_ERROR_NOT_FOUND);
        assert_int_equal(passlock_links_remove_by_user(h->client, "ada", &n), 0);
        assert_int_equal(n, 2);
        assert_int_equal(passlock_links_remove_by_user(h->client, "ada", NULL), 0);
        assert_int_equal(passlock_links_remove_by_user(h->client, "bad-reply", &n), -EPROTO);
        assert_int_equal(passlock_links_count(h->client, &n), 0);
        assert_int_equal(n, 12345678901);
}

static void test_tenancies(void **state)
{
        Harness *h = *state;
        passlock_tenancy_list *list = NULL;
        passlock_tenancy *tenancy = NULL;
        char *version = NULL;

        assert_int_equal(passlock_get_version(h->client, &version), 0);
        assert_string_equal(version, "9.8.7");
        free(version);
        assert_int_equal(passlock_list_tenancies(h->client, &list), 0);
        assert_int_equal(passlock_tenancy_list_get_size(list), 2);
        assert_null(passlock_tenancy_list_get(list, 2));
        tenancy = passlock_tenancy_ref(passlock_tenancy_list_get(list, 1));
        assert_ptr_equal(passlock_tenancy_list_ref(list), list);
        passlock_tenancy_list_unref(list);
        assert_null(passlock_tenancy_list_unref(list));
        assert_string_equal(passlock_tenancy_get_label(tenancy), "other");
        assert_string_equal(passlock_tenancy_get_id(tenancy), "tenancy-2");
        assert_null(passlock_tenancy_get_endpoint(tenancy));
        assert_null(passlock_tenancy_get_ca_file(tenancy));
        assert_null(passlock_tenancy_get_state(tenancy));
        assert_null(passlock_tenancy_get_credential(tenancy));
        assert_null(passlock_tenancy_unref(tenancy));

        assert_int_equal(passlock_get_tenancy(h->client, &tenancy), 0);
        assert_string_equal(passlock_tenancy_get_label(tenancy), "default");
        assert_string_equal(passlock_tenancy_get_endpoint(tenancy), "https://api.example.com");
        assert_null(passlock_tenancy_get_ca_file(tenancy));
        assert_string_equal(passlock_tenancy_get_state(tenancy), "ready");
        assert_string_equal(passlock_tenancy_get_credential(tenancy), "passlock.default");
        passlock_tenancy_unref(tenancy);

        assert_int_equal(passlock_set_tenancy(h->client, "other"), 0);
        assert_int_equal(passlock_get_tenancy(h->client, &tenancy), 0);
        assert_string_equal(passlock_tenancy_get_label(tenancy), "other");
        assert_string_equal(passlock_tenancy_get_state(tenancy), "denied");
        passlock_tenancy_unref(tenancy);
        assert_int_equal(passlock_set_tenancy(h->client, "missing"), 0);
        assert_int_equal(passlock_get_tenancy(h->client, &tenancy), PASSLOCK_ERROR_UNKNOWN_OBJECT);
        assert_int_equal(harness_count_log(h, "GetTenancy"), 1);
}

static void test_default_tenancy(void **state)
{
        Harness *h = *state;
        passlock_token *token = NULL;

        /* One lookup per start of the service. */
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(passlock_authorize(h->client, "r", "u1", "n", NULL, &token), 0);
                passlock_token_unref(token);
        }
        assert_int_equal(harness_count_log(h, "Authorize u1 "
                                              "/dev/passlock/Passlock1/tenancy/default"),
                         2);
        assert_int_equal(harness_count_log(h, "GetTenancy"), 1);

        harness_stop_service(h);
        harness_start_service(h, "default=other");
        assert_int_equal(passlock_authorize(h->client, "r", "u2", "n", NULL, &token), 0);
        passlock_token_unref(token);
        assert_int_equal(harness_count_log(h, "Authorize u2 /dev/passlock/Passlock1/tenancy/other"),
                         1);
        assert_int_equal(harness_count_log(h, "GetTenancy"), 2);

        assert_int_equal(passlock_set_tenancy(h->client, "default"), 0);
        assert_int_equal(passlock_authorize(h->client, "r", "u3", "n", NULL, &token), 0);
        passlock_token_unref(token);
        assert_int_equal(
                harness_count_log(h, "Authorize u3 /dev/passlock/Passlock1/tenancy/default"), 1);
        assert_int_equal(passlock_set_tenancy(h->client, NULL), 0);
        assert_int_equal(passlock_authorize(h->client, "r", "u4", "n", NULL, &token), 0);
        passlock_token_unref(token);
        assert_int_equal(harness_count_log(h, "Authorize u4 /dev/passlock/Passlock1/tenancy/other"),
                         1);
}

static void test_labels(void **state)
{
        passlock *c = ((Harness *) *state)->client;

        assert_int_equal(passlock_set_tenancy(c, ""), -EINVAL);
        assert_int_equal(passlock_set_tenancy(c, "a/b"), -EINVAL);
        assert_int_equal(passlock_set_tenancy(c, "Shop"), -EINVAL);
        assert_int_equal(passlock_set_tenancy(c, "a123456789b123456789c123456789_12"), -EINVAL);
        assert_int_equal(passlock_set_tenancy(c, "a123456789b123456789c123456789_1"), 0);
}

static void test_every_error(void **state)
{
        passlock *c = ((Harness *) *state)->client;
        passlock_token *untouched = (passlock_token *) 1;
        char word[32], text[32];

        for (int e = 1; e <= ERROR_MAX; e++) {
                /* After UnknownObject the client looks up the default tenancy again, once. */
                snprintf(word, sizeof(word), "error:%d", e);
                snprintf(text, sizeof(text), "text of %d", e);
                assert_int_equal(passlock_authorize(c, "r", word, "n", NULL, &untouched), e);
                assert_string_equal(passlock_last_error_text(c), text);
                assert_string_equal(passlock_strerror(e), error_text(e));
        }
        assert_ptr_equal(untouched, (passlock_token *) 1);
        assert_int_equal(passlock_authorize(c, "r", "odd-error", "n", NULL, &untouched), -EPROTO);
        assert_string_equal(passlock_last_error_text(c), "odd text");
        assert_int_equal(passlock_reload(c), PASSLOCK_ERROR_INVALID_ARGS);
        assert_string_equal(passlock_last_error_text(c), "passlockd.conf:3: no");
        assert_int_equal(passlock_links_add(c, "ada", "auth"), 0);
        assert_string_equal(passlock_last_error_text(c), "");
}

static void test_strerror(void **state)
{
        const int documented[] = {-ENOTCONN, -EHOSTDOWN, -ETIMEDOUT,  -ECONNRESET, -ECHILD,
                                  -EDEADLK,  -EPROTO,    -EOPNOTSUPP, -EINVAL,     -ENOMEM};

        assert_string_equal(passlock_strerror(0), "Success");
        for (size_t i = 0; i < ARRAY_SIZE(documented); i++)
                for (size_t j = 0; j < i; j++)
                        assert_string_not_equal(passlock_strerror(documented[i]),
                                                passlock_strerror(documented[j]));
        assert_non_null(passlock_strerror(ERROR_MAX + 1));
        assert_non_null(passlock_strerror(INT32_MAX));
        assert_non_null(passlock_strerror(INT32_MIN));
        assert_non_null(passlock_strerror(-4095));
}

static void test_text(void **state)
{
        const char *good[] = {"Zo\xc3\xab",      "\xe2\x82\xac",     "\xf0\x9f\x94\x91",
                              "\xed\x9f\xbf",    "\xf4\x8f\xbf\xbd", "\xee\x80\x80",
                              "\xf1\x80\x80\x80"};
        const char *bad[] = {"\x80",
                             "\xc3",
                             "\xc0\xaf",
                             "\xe0\x80\xaf",
                             "\xf0\x80\x80\xaf",
                             "\xed\xa0\x80",
                             "\xf4\x90\x80\x80",
                             "\xf8\x88\x80\x80",
                             "a\xffz",
                             "\xe2\x82",
                             "\xf0\x9f\x94",
                             "\xe2\x82x",
                             "\xef\xbf\xbf",
                             "\xef\xb7\x90",
                             "\xf4\x8f\xbf\xbe"};
        passlock *c = ((Harness *) *state)->client;
        char long_text[8194];

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                assert_int_equal(passlock_links_add(c, good[i], "a"), 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(passlock_links_add(c, "a", bad[i]), PASSLOCK_ERROR_INVALID_ARGS);
        memset(long_text, 'x', sizeof(long_text));
        long_text[8193] = '\0';
        assert_int_equal(passlock_links_add(c, long_text, "a"), PASSLOCK_ERROR_INVALID_ARGS);
        long_text[8192] = '\0';
        assert_int_equal(passlock_links_add(c, long_text, "a"), 0);
        assert_int_equal(passlock_links_add(c, NULL, "a"), -EINVAL);
}

static void test_nulls(void **state)
{
        passlock *c = ((Harness *) *state)->client;

        assert_int_equal(passlock_new(NULL), -EINVAL);
        assert_int_equal(passlock_links_add(NULL, "a", "b"), -EINVAL);
        assert_int_equal(passlock_authorize(c, "r", "u", "n", NULL, NULL), -EINVAL);
        assert_int_equal(passlock_exchange(c, "c", NULL, NULL), -EINVAL);
        assert_int_equal(passlock_links_get_user(c, "a", NULL), -EINVAL);
        assert_int_equal(passlock_links_list(c, "a", 0, NULL), -EINVAL);
        assert_int_equal(passlock_links_list_by_user(c, "a", NULL), -EINVAL);
        assert_int_equal(passlock_links_count(c, NULL), -EINVAL);
        assert_int_equal(passlock_get_tenancy(c, NULL), -EINVAL);
        assert_int_equal(passlock_list_tenancies(c, NULL), -EINVAL);
        assert_int_equal(passlock_get_version(c, NULL), -EINVAL);
        assert_int_equal(passlock_set_timeout_ms(c, 0), -EINVAL);
        assert_null(passlock_unref(NULL));
        assert_null(passlock_ref(NULL));
        assert_null(passlock_token_unref(NULL));
        assert_null(passlock_principal_unref(NULL));
        assert_null(passlock_link_unref(NULL));
        assert_null(passlock_link_list_unref(NULL));
        assert_null(passlock_tenancy_unref(NULL));
        assert_null(passlock_tenancy_list_unref(NULL));
        assert_null(passlock_call_cancel(NULL));
        assert_int_equal(passlock_call_set_timeout_ms(NULL, 1), -EINVAL);
        assert_null(passlock_monitor_cancel(NULL));
}

#define test(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                test(test_authorize),
                test(test_authentication),
                test(test_id_token),
                test(test_options),
                test(test_exchange),
                test(test_exchange_options),
                test(test_unacceptable_principals),
                test(test_links_of_user),
                test(test_pages),
                test(test_links),
                test(test_tenancies),
                test(test_default_tenancy),
                test(test_labels),
                test(test_every_error),
                cmocka_unit_test(test_strerror),
                test(test_text),
                test(test_nulls),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

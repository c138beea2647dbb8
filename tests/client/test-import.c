/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "tests/client/harness.h"

#define MANY 1000U

typedef struct Seen {
        unsigned n;
        int r;
        uint64_t added;
} Seen;

static void on_end(passlock *client, int r, const char *error_text, passlock_import *import,
                   void *userdata)
{
        Seen *seen = userdata;

        assert_int_equal(r == 0, import != NULL);
        assert_int_equal(r == 0, error_text == NULL);
        seen->n++;
        seen->r = r;
        if (import)
                seen->added = passlock_import_get_added(import);
}

static passlock_link *make(const char *authenticator_id, const char *user_id)
{
        passlock_link *link = NULL;

        assert_int_equal(passlock_link_new(authenticator_id, user_id, NULL, 1, 0, &link), 0);
        return link;
}

/* Imports one link of the user. */
static int import_one(Harness *h, const char *user_id, passlock_import **ret)
{
        passlock_link *links[] = {make("a", user_id), NULL};
        int r = passlock_links_import(h->client, links, NULL, ret);

        passlock_link_unref(links[0]);
        return r;
}

static void test_link(void **state)
{
        passlock_link *link = NULL, *untouched = (passlock_link *) 1;

        assert_int_equal(passlock_link_new("a", "ada", "Phone", 5, 6, &link), 0);
        assert_string_equal(passlock_link_get_authenticator_id(link), "a");
        assert_string_equal(passlock_link_get_user_id(link), "ada");
        assert_string_equal(passlock_link_get_platform_name(link), "Phone");
        assert_int_equal(passlock_link_get_created_at_ms(link), 5);
        assert_int_equal(passlock_link_get_last_used_at_ms(link), 6);
        assert_null(passlock_link_unref(link));
        link = make("a", "ada");
        assert_null(passlock_link_get_platform_name(link));
        passlock_link_unref(link);

        assert_int_equal(passlock_link_new(NULL, "ada", NULL, 0, 0, &untouched), -EINVAL);
        assert_int_equal(passlock_link_new("a", NULL, NULL, 0, 0, &untouched), -EINVAL);
        assert_int_equal(passlock_link_new("a", "ada", NULL, 0, 0, NULL), -EINVAL);
        assert_int_equal(passlock_link_new("\xff", "ada", NULL, 0, 0, &untouched),
                         PASSLOCK_ERROR_INVALID_ARGS);
        assert_int_equal(passlock_link_new("a", "\xc0\x80", NULL, 0, 0, &untouched),
                         PASSLOCK_ERROR_INVALID_ARGS);
        assert_int_equal(passlock_link_new("a", "ada", "\xed\xa0\x80", 0, 0, &untouched),
                         PASSLOCK_ERROR_INVALID_ARGS);
        assert_ptr_equal(untouched, (passlock_link *) 1);
}

static void test_result(void **state)
{
        Harness *h = *state;
        passlock_link *links[] = {NULL,
                                  make("b", "old"),
                                  make("c", "taken"),
                                  make("d", "many"),
                                  make("e", "taken"),
                                  make("f", "bob"),
                                  NULL};
        passlock_options *options = NULL;
        passlock_import *import = NULL;
        const char *const *ids;

        assert_int_equal(passlock_link_new("a", "ada", "Phone", 5, 6, &links[0]), 0);
        assert_int_equal(passlock_options_new(&options), 0);
        assert_int_equal(passlock_options_set_bool(options, "dry_run", true), 0);
        assert_int_equal(passlock_links_import(h->client, links, options, &import), 0);
        passlock_options_unref(options);
        for (size_t i = 0; links[i]; i++)
                passlock_link_unref(links[i]);
        assert_int_equal(harness_count_log(h, "Import 6 dry_run=yes authenticator_id=a "
                                              "user_id=ada created_at=5 last_used_at=6 "
                                              "platform_name=Phone"),
                         1);

        assert_int_equal(passlock_import_get_added(import), 2);
        assert_int_equal(passlock_import_get_present(import), 1);
        ids = passlock_import_get_conflicting(import);
        assert_string_equal(ids[0], "c");
        assert_string_equal(ids[1], "e");
        assert_null(ids[2]);
        ids = passlock_import_get_exceeding(import);
        assert_string_equal(ids[0], "d");
        assert_null(ids[1]);
        assert_ptr_equal(passlock_import_ref(import), import);
        passlock_import_unref(import);
        assert_int_equal(passlock_import_get_added(import), 2);
        assert_null(passlock_import_unref(import));
        assert_null(passlock_import_unref(NULL));

        /* An empty import succeeds; result lists are not NULL. */
        links[0] = NULL;
        assert_int_equal(passlock_links_import(h->client, links, NULL, &import), 0);
        assert_null(passlock_import_get_conflicting(import)[0]);
        assert_null(passlock_import_get_exceeding(import)[0]);
        passlock_import_unref(import);
}

static void test_failures(void **state)
{
        passlock_import *untouched = (passlock_import *) 1;
        passlock_link *link = make("a", "ada"), *links[MANY + 2] = {};
        Harness *h = *state;
        Seen s = {};

        assert_int_equal(import_one(h, "bad-reply", &untouched), -EPROTO);
        assert_int_equal(import_one(h, "error:12", &untouched), PASSLOCK_ERROR_STORE_FULL);
        assert_string_equal(passlock_last_error_text(h->client), "text of 12");
        assert_int_equal(passlock_links_import(h->client, NULL, NULL, &untouched), -EINVAL);
        assert_int_equal(passlock_links_import(h->client, links, NULL, NULL), -EINVAL);
        assert_int_equal(passlock_links_import_async(h->client, links, NULL, NULL, &s, NULL),
                         -EINVAL);
        for (size_t i = 0; i <= MANY; i++)
                links[i] = link;
        assert_int_equal(passlock_links_import(h->client, links, NULL, &untouched),
                         PASSLOCK_ERROR_INVALID_ARGS);
        assert_ptr_equal(untouched, (passlock_import *) 1);
        passlock_link_unref(link);
}

/* The call holds references to the links; the caller may release them. */
static void test_asynchronous(void **state)
{
        Harness *h = *state;
        passlock_link *links[] = {make("a", "ada"), NULL};
        passlock_call *call = NULL;
        Seen s[3] = {};

        for (size_t i = 0; i < 2; i++)
                assert_int_equal(
                        passlock_links_import_async(h->client, links, NULL, on_end, &s[i], NULL),
                        0);
        assert_int_equal(passlock_links_import_async(h->client, links, NULL, on_end, &s[2], &call),
                         0);
        passlock_link_unref(links[0]);
        passlock_call_cancel(call);
        harness_run_until(h, &s[0].n, 1);
        harness_run_until(h, &s[1].n, 1);
        assert_int_equal(s[1].r, 0);
        assert_int_equal(s[1].added, 1);
        harness_settle(h);
        assert_int_equal(s[2].n, 0);
}

/* The largest import: the maximum number of links with ids of maximum length. */
static void test_largest(void **state)
{
        passlock_link *links[MANY + 1] = {};
        passlock_import *import = NULL;
        char id[513], user[257];
        Harness *h = *state;

        memset(user, 'u', sizeof(user) - 1);
        user[256] = '\0';
        for (size_t i = 0; i < MANY; i++) {
                memset(id, 'x', sizeof(id) - 1);
                snprintf(id + 506, 7, "%06zu", i);
                assert_int_equal(
                        passlock_link_new(id, user, user, UINT64_MAX, UINT64_MAX, &links[i]), 0);
        }
        assert_int_equal(passlock_links_import(h->client, links, NULL, &import), 0);
        for (size_t i = 0; i < MANY; i++)
                passlock_link_unref(links[i]);
        assert_int_equal(passlock_import_get_added(import), MANY);
        passlock_import_unref(import);
}

static void test_retried(void **state)
{
        Harness *h = *state;
        passlock_import *import = NULL;

        assert_int_equal(import_one(h, "die-once", &import), 0);
        assert_int_equal(passlock_import_get_added(import), 1);
        passlock_import_unref(import);
        assert_int_equal(harness_count_log(h, "Import 1"), 2);
}

#define test(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
#define activatable(name) \
        cmocka_unit_test_setup_teardown(name, harness_setup_activatable, harness_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_link), test(test_result),  test(test_failures),
                test(test_asynchronous),     test(test_largest), activatable(test_retried),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

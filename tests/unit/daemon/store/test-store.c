/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "daemon/store/lmdb/key.h"
#include "dbus/error.h"
#include "tests/unit/daemon/store/store-fixture.h"

static void test_empty(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_list_clear) LinkList list = {};
        Link *untouched = (Link *) 1;
        char *cursor = (char *) 1;
        size_t n_removed = 1;

        assert_int_equal(store_get_link(f->store, "t", "a", &untouched), ERROR_NOT_FOUND);
        assert_ptr_equal(untouched, (Link *) 1);
        assert_int_equal(count_of_user(f->store, "t", "ada"), 0);
        assert_int_equal(store_list(f->store, "t", NULL, 10, SIZE_MAX, &list, &cursor), 0);
        assert_int_equal(list.n_links, 0);
        assert_null(cursor);
        assert_int_equal(count(f->store, "t"), 0);
        assert_int_equal(remove_one(f->store, "t", "a"), ERROR_NOT_FOUND);
        assert_int_equal(remove_user(f->store, "t", "ada", &n_removed), 0);
        assert_int_equal(n_removed, 0);
}

static void test_add(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *link = NULL, *found = NULL;
        Outcome outcome = {};
        bool newly_linked = false;

        assert_int_equal(link_new("auth-1", "ada", "Android", 123, 456, &link), 0);
        assert_int_equal(store_add(f->store, "t", link, on_added, &outcome, NULL), 0);
        outcome_wait(f->store, &outcome, 1);
        assert_int_equal(outcome.r, 0);
        assert_true(outcome.newly_linked);

        fixture_reopen(f);
        assert_int_equal(store_get_link(f->store, "t", "auth-1", &found), 0);
        assert_string_equal(found->authenticator_id, "auth-1");
        assert_string_equal(found->user_id, "ada");
        assert_string_equal(found->platform_name, "Android");
        assert_int_equal(found->created_at_ms, 123);
        assert_int_equal(found->last_used_at_ms, 456);

        /* Idempotent for the same user, LINK_CONFLICT for another. */
        assert_int_equal(add(f->store, "t", "ada", "auth-1", &newly_linked), 0);
        assert_false(newly_linked);
        assert_int_equal(add(f->store, "t", "bob", "auth-1", NULL), ERROR_LINK_CONFLICT);
        found = link_free(found);
        assert_int_equal(store_get_link(f->store, "t", "auth-1", &found), 0);
        assert_string_equal(found->user_id, "ada");
        assert_int_equal(found->created_at_ms, 123);
        assert_int_equal(count(f->store, "t"), 1);
        assert_int_equal(count_of_user(f->store, "t", "bob"), 0);
}

static void test_remove(void **state)
{
        Fixture *f = *state;
        _cleanup_(outcome_clear) Outcome outcome = {};
        size_t n_removed = 0;

        assert_int_equal(add(f->store, "t", "ada", "a1", NULL), 0);
        assert_int_equal(add(f->store, "t", "ada", "a2", NULL), 0);
        assert_int_equal(add(f->store, "t", "bob", "b1", NULL), 0);

        assert_int_equal(store_remove(f->store, "t", "a1", on_removed, &outcome, NULL), 0);
        outcome_wait(f->store, &outcome, 1);
        assert_int_equal(outcome.r, 0);
        assert_string_equal(outcome.first_removed, "ada a1");
        assert_string_equal(user_of(f->store, "t", "a1"), "");
        assert_int_equal(remove_one(f->store, "t", "a1"), ERROR_NOT_FOUND);
        assert_int_equal(count(f->store, "t"), 2);
        assert_int_equal(count_of_user(f->store, "t", "ada"), 1);

        /* A removed link may be added for any user. */
        assert_int_equal(add(f->store, "t", "bob", "a1", NULL), 0);
        assert_int_equal(remove_user(f->store, "t", "bob", &n_removed), 0);
        assert_int_equal(n_removed, 2);
        assert_int_equal(count(f->store, "t"), 1);
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t"), 1);
        assert_string_equal(user_of(f->store, "t", "a2"), "ada");
}

/* Tenancies are isolated. */
static void test_tenancies_are_apart(void **state)
{
        Fixture *f = *state;
        _cleanup_(freep) char *long_tenancy = make_id(256, 1), *longer_tenancy = make_id(256, 2);
        const char *tenancies[] = {"t", "tt", "T", long_tenancy, longer_tenancy};

        for (size_t i = 0; i < ARRAY_SIZE(tenancies); i++) {
                char user[16];

                snprintf(user, sizeof(user), "user-%zu", i);
                assert_int_equal(add(f->store, tenancies[i], user, "auth", NULL), 0);
                assert_int_equal(add(f->store, tenancies[i], "all", "other", NULL), 0);
        }
        fixture_reopen(f);
        for (size_t i = 0; i < ARRAY_SIZE(tenancies); i++) {
                _cleanup_(link_list_clear) LinkList list = {};
                char user[16], *cursor = NULL;

                snprintf(user, sizeof(user), "user-%zu", i);
                assert_string_equal(user_of(f->store, tenancies[i], "auth"), user);
                assert_int_equal(count_of_user(f->store, tenancies[i], user), 1);
                assert_int_equal(count_of_user(f->store, tenancies[i], "all"), 1);
                assert_int_equal(
                        store_list(f->store, tenancies[i], NULL, 100, SIZE_MAX, &list, &cursor), 0);
                assert_int_equal(list.n_links, 2);
                assert_null(cursor);
        }
        assert_int_equal(remove_user(f->store, "tt", "all", NULL), 0);
        assert_int_equal(count(f->store, "tt"), 1);
        assert_int_equal(count(f->store, "t"), 2);
        assert_string_equal(user_of(f->store, "t", "other"), "all");
}

static void test_lengths_of_ids(void **state)
{
        Fixture *f = *state;
        const size_t lens[] = {1, 2, 473, 474, 475, 476, 505, 506, 507, 508, 511, 512};
        _cleanup_(freep) char *user = make_id(256, 1);

        for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
                _cleanup_(freep) char *a = make_id(lens[i], 1), *b = make_id(lens[i], 2);

                assert_int_equal(add(f->store, "t", user, a, NULL), 0);
                assert_int_equal(add(f->store, "t", "bob", b, NULL), 0);
                assert_string_equal(user_of(f->store, "t", a), user);
                assert_string_equal(user_of(f->store, "t", b), "bob");
                assert_int_equal(add(f->store, "t", "bob", a, NULL), ERROR_LINK_CONFLICT);
        }
        fixture_reopen(f);
        assert_int_equal(count_of_user(f->store, "t", user), ARRAY_SIZE(lens));
        for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
                _cleanup_(freep) char *a = make_id(lens[i], 1);

                assert_int_equal(remove_one(f->store, "t", a), 0);
        }
        assert_int_equal(count(f->store, "t"), ARRAY_SIZE(lens));
        assert_int_equal(count_of_user(f->store, "t", user), 0);
}

static void test_invalid_arguments(void **state)
{
        Fixture *f = *state;
        _cleanup_(freep) char *long_id = make_id(513, 1), *long_user = make_id(257, 1);
        _cleanup_(link_freep) Link *bad_id = make_link(long_id, "ada", 1),
                                   *bad_user = make_link("auth", long_user, 1),
                                   *good = make_link("auth", "ada", 1);
        uint8_t key[IDEMPOTENCY_KEY_LEN] = {};
        LinkList list = {};
        Outcome outcome = {};
        Link *link;
        uint64_t n;

        assert_int_equal(store_get_link(f->store, "t", long_id, &link), -EINVAL);
        assert_int_equal(store_get_link(f->store, "", "auth", &link), -EINVAL);
        assert_int_equal(store_list_by_user(f->store, "t", long_user, &list), -EINVAL);
        assert_int_equal(store_count(f->store, long_user, &n), -EINVAL);
        assert_int_equal(store_add(f->store, "t", bad_id, on_added, &outcome, NULL), -EINVAL);
        assert_int_equal(store_add(f->store, "t", bad_user, on_added, &outcome, NULL), -EINVAL);
        assert_int_equal(store_add(f->store, "", good, on_added, &outcome, NULL), -EINVAL);
        assert_int_equal(store_remove(f->store, "t", "", on_removed, &outcome, NULL), -EINVAL);
        assert_int_equal(store_remove_by_user(f->store, "t", "", on_removed, &outcome, NULL),
                         -EINVAL);
        assert_int_equal(store_commit_exchange(f->store, "t",
                                               &(ExchangeOutcome){.link = good, .key = key},
                                               on_added, &outcome, NULL),
                         -EINVAL);
        dispatch_all(f->store);
        assert_int_equal(outcome.n_calls, 0);
        assert_int_equal(count(f->store, "t"), 0);
}

/* Reads all pages; checks that they go forward in the order of the keys. */
static size_t read_pages(Store *store, const char *tenancy, size_t limit)
{
        _cleanup_(freep) char *cursor = NULL;
        StoreKey last = {}, key;
        size_t n_links = 0;

        do {
                _cleanup_(link_list_clear) LinkList page = {};
                char *next = NULL;

                assert_int_equal(store_list(store, tenancy, cursor, limit, SIZE_MAX, &page, &next),
                                 0);
                for (size_t i = 0; i < page.n_links; i++) {
                        key = (StoreKey){};
                        assert_int_equal(key_for_link(1, page.links[i]->authenticator_id, &key), 0);
                        assert_true(memcmp(last.bytes, key.bytes, sizeof(key.bytes)) < 0);
                        last = key;
                }
                if (next)
                        assert_int_equal(page.n_links, limit);
                n_links += page.n_links;
                free(cursor);
                cursor = next;
        } while (cursor);
        return n_links;
}

static void test_list_pages(void **state)
{
        Fixture *f = *state;
        Outcome outcome = {};

        for (unsigned i = 0; i < 20; i++) {
                _cleanup_(freep) char *id = make_id(i % 2 ? 4 : 512, i);

                add_later(f->store, "t", "ada", id, &outcome);
                add_later(f->store, "before", "ada", id, &outcome);
                add_later(f->store, "u", "ada", id, &outcome);
        }
        outcome_wait(f->store, &outcome, 60);
        for (size_t limit = 1; limit <= 21; limit++)
                assert_int_equal(read_pages(f->store, "t", limit), 20);
}

static void test_list_bounds(void **state)
{
        Fixture *f = *state;
        const size_t limits[] = {0, STORE_LIST_LIMIT_MAX, STORE_LIST_LIMIT_MAX + 1, SIZE_MAX};
        Outcome outcome = {};
        char id[16];

        for (unsigned i = 0; i <= STORE_LIST_LIMIT_MAX; i++) {
                snprintf(id, sizeof(id), "auth-%04u", i);
                add_later(f->store, "t", i % 2 ? "ada" : "bob", id, &outcome);
        }
        outcome_wait(f->store, &outcome, STORE_LIST_LIMIT_MAX + 1);
        for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
                _cleanup_(link_list_clear) LinkList list = {}, rest = {};
                _cleanup_(freep) char *cursor = NULL, *end = NULL;

                assert_int_equal(
                        store_list(f->store, "t", NULL, limits[i], SIZE_MAX, &list, &cursor), 0);
                assert_int_equal(list.n_links, STORE_LIST_LIMIT_MAX);
                assert_non_null(cursor);
                assert_int_equal(
                        store_list(f->store, "t", cursor, limits[i], SIZE_MAX, &rest, &end), 0);
                assert_int_equal(rest.n_links, 1);
                assert_null(end);
        }
}

static void test_list_cursor(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_list_clear) LinkList page = {}, rest = {};
        _cleanup_(freep) char *cursor = NULL, *long_cursor = make_id(600, 1);
        const char *bad[] = {"", "a2", "after", "after:", "before:a2", "after:a\n", long_cursor};
        char *end = (char *) 1;

        assert_int_equal(add(f->store, "t", "ada", "a1", NULL), 0);
        assert_int_equal(add(f->store, "t", "ada", "a2", NULL), 0);
        assert_int_equal(add(f->store, "t", "ada", "a3", NULL), 0);
        assert_int_equal(store_list(f->store, "t", NULL, 2, SIZE_MAX, &page, &cursor), 0);

        /* The cursor's link is removed and another one added meanwhile. */
        assert_int_equal(remove_one(f->store, "t", "a2"), 0);
        assert_int_equal(add(f->store, "t", "ada", "a22", NULL), 0);
        assert_int_equal(store_list(f->store, "t", cursor, 2, SIZE_MAX, &rest, &end), 0);
        assert_int_equal(rest.n_links, 2);
        assert_string_equal(rest.links[0]->authenticator_id, "a22");
        assert_string_equal(rest.links[1]->authenticator_id, "a3");
        assert_null(end);

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(store_list(f->store, "t", bad[i], 2, SIZE_MAX, &page, &end),
                                 ERROR_INVALID_ARGS);
        assert_int_equal(page.n_links, 2);
        assert_null(end);
}

static void test_links_per_user(void **state)
{
        Fixture *f = *state;
        Outcome outcome = {}, refused = {};
        size_t n_removed = 0;
        char id[16];

        for (unsigned i = 0; i < LINKS_PER_USER_MAX; i++) {
                snprintf(id, sizeof(id), "auth-%u", i);
                add_later(f->store, "t", "ada", id, &outcome);
        }
        add_later(f->store, "t", "ada", "one-more", &refused);
        outcome_wait(f->store, &outcome, LINKS_PER_USER_MAX);
        outcome_wait(f->store, &refused, 1);
        assert_int_equal(outcome.r, 0);
        assert_int_equal(refused.r, ERROR_LIMITS_EXCEEDED);
        assert_false(refused.newly_linked);
        assert_string_equal(user_of(f->store, "t", "one-more"), "");
        assert_int_equal(count(f->store, "t"), LINKS_PER_USER_MAX);

        /* An existing link and the link of another user do not count; a removed link makes room. */
        assert_int_equal(add(f->store, "t", "ada", "auth-7", NULL), 0);
        assert_int_equal(add(f->store, "t", "bob", "one-more", NULL), 0);
        assert_int_equal(remove_one(f->store, "t", "auth-7"), 0);
        assert_int_equal(add(f->store, "t", "ada", "auth-x", NULL), 0);
        assert_int_equal(add(f->store, "t", "ada", "auth-7", NULL), ERROR_LIMITS_EXCEEDED);

        assert_int_equal(remove_user(f->store, "t", "ada", &n_removed), 0);
        assert_int_equal(n_removed, LINKS_PER_USER_MAX);
        assert_int_equal(count(f->store, "t"), 1);
        fixture_reopen(f);
        assert_int_equal(count_of_user(f->store, "t", "ada"), 0);
        assert_string_equal(user_of(f->store, "t", "one-more"), "bob");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_empty),          TEST(test_add),
                TEST(test_remove),         TEST(test_tenancies_are_apart),
                TEST(test_lengths_of_ids), TEST(test_invalid_arguments),
                TEST(test_list_pages),     TEST(test_list_bounds),
                TEST(test_list_cursor),    TEST(test_links_per_user),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "dbus/error.h"
#include "tests/unit/store-fixture.h"

static const uint8_t key[ANSWER_KEY_LEN] = "the digest of what was asked";

static Answer make_answer(uint64_t expires_at_ms)
{
        return (Answer){.principal = make_principal(), .expires_at_ms = expires_at_ms};
}

static void test_kept(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *link = make_link("auth-1", "ada", 500);
        _cleanup_(answer_clear) Answer answer = make_answer(1000), found = {}, again = {};
        bool newly_linked = false;

        assert_int_equal(store_get_answer(f->store, key, 0, &found), ERROR_NOT_FOUND);
        assert_int_equal(exchange(f->store, "t", link, key, &answer, 1, &newly_linked), 0);
        assert_true(newly_linked);
        assert_int_equal(store_get_answer(f->store, key, 999, &found), 0);
        assert_int_equal(found.error, 0);
        assert_true(found.linked);
        assert_true(found.newly_linked);
        assert_int_equal(found.expires_at_ms, 1000);
        assert_string_equal(found.principal->authenticator_id, "auth-1");

        /* The same after a restart; until it has expired. */
        fixture_reopen(f);
        assert_int_equal(store_get_answer(f->store, key, 999, &again), 0);
        assert_true(again.newly_linked);
        assert_string_equal(again.principal->user_id, "ada");
        answer_clear(&again);
        assert_int_equal(store_get_answer(f->store, key, 1000, &again), ERROR_NOT_FOUND);
        assert_null(again.principal);
}

static void test_link_is_used(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *first = make_link("auth-1", "ada", 500),
                                   *second = make_link("auth-1", "ada", 700), *found = NULL;
        _cleanup_(answer_clear) Answer answer = make_answer(1000), kept = {};
        bool newly_linked = true;

        assert_int_equal(exchange(f->store, "t", first, NULL, NULL, 1, &newly_linked), 0);
        assert_true(newly_linked);
        assert_int_equal(store_get_link(f->store, "t", "auth-1", &found), 0);
        assert_int_equal(found->created_at_ms, 500);
        assert_int_equal(found->last_used_at_ms, 0);
        found = link_free(found);

        assert_int_equal(exchange(f->store, "t", second, key, &answer, 1, &newly_linked), 0);
        assert_false(newly_linked);
        assert_int_equal(store_get_link(f->store, "t", "auth-1", &found), 0);
        assert_int_equal(found->created_at_ms, 500);
        assert_int_equal(found->last_used_at_ms, 700);
        assert_int_equal(store_get_answer(f->store, key, 1, &kept), 0);
        assert_true(kept.linked);
        assert_false(kept.newly_linked);
        assert_int_equal(count(f->store, "t"), 1);
}

/* The answer to a repeat is the same refusal. */
static void test_conflict_is_kept(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *link = make_link("auth-1", "bob", 500), *found = NULL;
        _cleanup_(answer_clear) Answer answer = make_answer(1000), kept = {};
        bool newly_linked = true;

        assert_int_equal(add(f->store, "t", "ada", "auth-1", NULL), 0);
        assert_int_equal(exchange(f->store, "t", link, key, &answer, 1, &newly_linked),
                         ERROR_LINK_CONFLICT);
        assert_false(newly_linked);
        assert_int_equal(store_get_answer(f->store, key, 1, &kept), 0);
        assert_int_equal(kept.error, ERROR_LINK_CONFLICT);
        assert_null(kept.principal);
        assert_false(kept.linked);
        assert_int_equal(kept.expires_at_ms, 1000);
        assert_int_equal(store_get_link(f->store, "t", "auth-1", &found), 0);
        assert_string_equal(found->user_id, "ada");
        assert_int_equal(found->last_used_at_ms, 0);
}

static void test_limit_is_kept(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *link = make_link("one-more", "ada", 500);
        _cleanup_(answer_clear) Answer answer = make_answer(1000), kept = {};
        Outcome outcome = {};
        char id[16];

        for (unsigned i = 0; i < LINKS_PER_USER_MAX; i++) {
                snprintf(id, sizeof(id), "auth-%u", i);
                add_later(f->store, "t", "ada", id, &outcome);
        }
        outcome_wait(f->store, &outcome, LINKS_PER_USER_MAX);
        assert_int_equal(exchange(f->store, "t", link, key, &answer, 1, NULL),
                         ERROR_LIMITS_EXCEEDED);
        assert_int_equal(store_get_answer(f->store, key, 1, &kept), 0);
        assert_int_equal(kept.error, ERROR_LIMITS_EXCEEDED);
        assert_string_equal(user_of(f->store, "t", "one-more"), "");
}

/* As it is given; and what is under the key already is replaced, with its expiry. */
static void test_without_link(void **state)
{
        Fixture *f = *state;
        Answer refusal = {.error = ERROR_USER_MISMATCH, .expires_at_ms = 2000};
        _cleanup_(answer_clear) Answer answer = make_answer(1000), kept = {};

        answer.linked = true;
        assert_int_equal(exchange(f->store, "t", NULL, key, &answer, 1, NULL), 0);
        assert_int_equal(store_get_answer(f->store, key, 1, &kept), 0);
        assert_true(kept.linked);
        assert_false(kept.newly_linked);
        answer_clear(&kept);

        assert_int_equal(exchange(f->store, "t", NULL, key, &refusal, 1, NULL), 0);
        assert_int_equal(store_get_answer(f->store, key, 1999, &kept), 0);
        assert_int_equal(kept.error, ERROR_USER_MISMATCH);
        assert_int_equal(count(f->store, "t"), 0);
        fixture_reopen(f);

        assert_int_equal(exchange(f->store, "t", NULL, NULL, NULL, 1999, NULL), 0);
        answer_clear(&kept);
        assert_int_equal(store_get_answer(f->store, key, 1999, &kept), 0);
}

/* Seen by asking at a time before they expired: forgotten is more than not told. */
static size_t count_answers(Store *store, unsigned n)
{
        size_t n_found = 0;

        for (unsigned i = 0; i < n; i++) {
                _cleanup_(answer_clear) Answer answer = {};
                uint8_t one[ANSWER_KEY_LEN] = {(uint8_t) i, 1};

                n_found += store_get_answer(store, one, 0, &answer) == 0;
        }
        return n_found;
}

static void test_pruned(void **state)
{
        Fixture *f = *state;
        Outcome outcome = {};
        size_t before = 100, left;

        for (unsigned i = 0; i < 100; i++) {
                Answer answer = {.error = ERROR_INVALID_CODE, .expires_at_ms = 1000 + i};
                uint8_t one[ANSWER_KEY_LEN] = {(uint8_t) i, 1};

                assert_int_equal(store_commit_exchange(f->store, "t", NULL, one, &answer, 1,
                                                       on_added, &outcome, NULL),
                                 0);
        }
        outcome_wait(f->store, &outcome, 100);
        assert_int_equal(count_answers(f->store, 100), 100);

        /* At 1049 fifty have expired; they go bit by bit, and no other does. */
        for (unsigned i = 0; i < 20; i++) {
                assert_int_equal(exchange(f->store, "t", NULL, NULL, NULL, 1049, NULL), 0);
                left = count_answers(f->store, 100);
                assert_true(before == 50 ? left == 50 : left < before && left + 20 > before);
                before = left;
        }
        assert_int_equal(before, 50);
        fixture_reopen(f);
        assert_int_equal(count_answers(f->store, 100), 50);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_kept),          TEST(test_link_is_used), TEST(test_conflict_is_kept),
                TEST(test_limit_is_kept), TEST(test_without_link), TEST(test_pruned),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

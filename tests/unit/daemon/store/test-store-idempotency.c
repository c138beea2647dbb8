/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <time.h>

#include <lmdb.h>

#include "dbus/error.h"
#include "tests/unit/daemon/store/store-fixture.h"

static const uint8_t key[IDEMPOTENCY_KEY_LEN] = "the digest of what was asked";

/* Offsets of the faked clocks. */
static struct {
        int64_t realtime_s, boottime_s;
} offset;

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
        int r = __real_clock_gettime(clock, ret);

        if (clock == CLOCK_REALTIME)
                ret->tv_sec += offset.realtime_s;
        if (clock == CLOCK_BOOTTIME)
                ret->tv_sec += offset.boottime_s;
        return r;
}

#define TTL_S ((int64_t) (STORE_IDEMPOTENCY_TTL_MS / 1000))

static int set_up(void **state)
{
        offset.realtime_s = offset.boottime_s = 0;
        return fixture_setup(state);
}

static int keep(Store *store, const Link *link, const IdempotencyRecord *answer,
                bool *ret_newly_linked)
{
        return exchange(store, "t", &(ExchangeOutcome){.link = link, .key = key, .answer = answer},
                        ret_newly_linked);
}

static void test_kept(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *link = make_link("auth-1", "ada", 500);
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {.principal =
                                                                                make_principal()},
                                                              found = {}, again = {};
        bool newly_linked = false;

        assert_int_equal(store_get_idempotency_record(f->store, key, &found), ERROR_NOT_FOUND);
        assert_int_equal(keep(f->store, link, &answer, &newly_linked), 0);
        assert_true(newly_linked);
        assert_int_equal(store_get_idempotency_record(f->store, key, &found), 0);
        assert_int_equal(found.error, 0);
        assert_true(found.linked);
        assert_true(found.newly_linked);
        assert_string_equal(found.principal->authenticator_id, "auth-1");

        /* The same after a restart; until it has expired. */
        offset.boottime_s = TTL_S - 60;
        fixture_reopen(f);
        assert_int_equal(store_get_idempotency_record(f->store, key, &again), 0);
        assert_true(again.newly_linked);
        assert_string_equal(again.principal->user_id, "ada");
        idempotency_record_clear(&again);
        offset.boottime_s += TTL_S + 1;
        assert_int_equal(store_get_idempotency_record(f->store, key, &again), ERROR_NOT_FOUND);
        assert_null(again.principal);
}

/* Independent of the wall clock. */
static void test_clock_jumps(void **state)
{
        Fixture *f = *state;
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {.principal =
                                                                                make_principal()};
        const int64_t jumps_s[] = {-365 * 86400, 365 * 86400, 0};

        for (size_t i = 0; i < ARRAY_SIZE(jumps_s); i++) {
                _cleanup_(idempotency_record_clear) IdempotencyRecord found = {};

                offset.realtime_s = 0;
                assert_int_equal(keep(f->store, NULL, &answer, NULL), 0);
                offset.realtime_s = jumps_s[i];
                offset.boottime_s += TTL_S - 60;
                assert_int_equal(store_get_idempotency_record(f->store, key, &found), 0);
                idempotency_record_clear(&found);
                offset.boottime_s += 61;
                assert_int_equal(store_get_idempotency_record(f->store, key, &found),
                                 ERROR_NOT_FOUND);
        }
}

/* After a reboot, too: the time on the disk goes on from where it was. */
static void test_reboot(void **state)
{
        Fixture *f = *state;
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {.principal =
                                                                                make_principal()},
                                                              found = {};

        offset.boottime_s = 10 * 86400;
        fixture_reopen(f);
        assert_int_equal(keep(f->store, NULL, &answer, NULL), 0);
        offset = (typeof(offset)){};
        fixture_reopen(f);
        assert_int_equal(store_get_idempotency_record(f->store, key, &found), 0);
        idempotency_record_clear(&found);
        offset.boottime_s = TTL_S + 1;
        assert_int_equal(store_get_idempotency_record(f->store, key, &found), ERROR_NOT_FOUND);
}

static void test_link_is_used(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *first = make_link("auth-1", "ada", 500),
                                   *second = make_link("auth-1", "ada", 700), *found = NULL;
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {.principal =
                                                                                make_principal()},
                                                              kept = {};
        bool newly_linked = true;

        assert_int_equal(exchange(f->store, "t", &(ExchangeOutcome){.link = first}, &newly_linked),
                         0);
        assert_true(newly_linked);
        assert_int_equal(store_get_link(f->store, "t", "auth-1", &found), 0);
        assert_int_equal(found->created_at_ms, 500);
        assert_int_equal(found->last_used_at_ms, 0);
        found = link_free(found);

        assert_int_equal(keep(f->store, second, &answer, &newly_linked), 0);
        assert_false(newly_linked);
        assert_int_equal(store_get_link(f->store, "t", "auth-1", &found), 0);
        assert_int_equal(found->created_at_ms, 500);
        assert_int_equal(found->last_used_at_ms, 700);
        assert_int_equal(store_get_idempotency_record(f->store, key, &kept), 0);
        assert_true(kept.linked);
        assert_false(kept.newly_linked);
        assert_int_equal(count(f->store, "t"), 1);
}

/* A repeat gets the same error. */
static void test_conflict_is_kept(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *link = make_link("auth-1", "bob", 500), *found = NULL;
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {.principal =
                                                                                make_principal()},
                                                              kept = {};
        bool newly_linked = true;

        assert_int_equal(add(f->store, "t", "ada", "auth-1", NULL), 0);
        assert_int_equal(keep(f->store, link, &answer, &newly_linked), ERROR_LINK_CONFLICT);
        assert_false(newly_linked);
        assert_int_equal(store_get_idempotency_record(f->store, key, &kept), 0);
        assert_int_equal(kept.error, ERROR_LINK_CONFLICT);
        assert_null(kept.principal);
        assert_false(kept.linked);
        assert_int_equal(store_get_link(f->store, "t", "auth-1", &found), 0);
        assert_string_equal(found->user_id, "ada");
        assert_int_equal(found->last_used_at_ms, 0);
}

static void test_limit_is_kept(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *link = make_link("one-more", "ada", 500);
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {.principal =
                                                                                make_principal()},
                                                              kept = {};
        Outcome outcome = {};
        char id[16];

        for (unsigned i = 0; i < LINKS_PER_USER_MAX; i++) {
                snprintf(id, sizeof(id), "auth-%u", i);
                add_later(f->store, "t", "ada", id, &outcome);
        }
        outcome_wait(f->store, &outcome, LINKS_PER_USER_MAX);
        assert_int_equal(keep(f->store, link, &answer, NULL), ERROR_LIMITS_EXCEEDED);
        assert_int_equal(store_get_idempotency_record(f->store, key, &kept), 0);
        assert_int_equal(kept.error, ERROR_LIMITS_EXCEEDED);
        assert_string_equal(user_of(f->store, "t", "one-more"), "");
}

/* A later answer replaces the record under the key, and its expiry. */
static void test_without_link(void **state)
{
        Fixture *f = *state;
        IdempotencyRecord refusal = {.error = ERROR_USER_MISMATCH};
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {.principal =
                                                                                make_principal()},
                                                              kept = {};

        assert_int_equal(keep(f->store, NULL, &answer, NULL), 0);
        assert_int_equal(store_get_idempotency_record(f->store, key, &kept), 0);
        assert_false(kept.linked);
        assert_false(kept.newly_linked);
        idempotency_record_clear(&kept);

        offset.boottime_s = TTL_S - 60;
        assert_int_equal(keep(f->store, NULL, &refusal, NULL), 0);
        offset.boottime_s += TTL_S - 60;
        assert_int_equal(store_get_idempotency_record(f->store, key, &kept), 0);
        assert_int_equal(kept.error, ERROR_USER_MISMATCH);
        assert_int_equal(count(f->store, "t"), 0);
        fixture_reopen(f);

        assert_int_equal(exchange(f->store, "t", &(ExchangeOutcome){}, NULL), 0);
        idempotency_record_clear(&kept);
        assert_int_equal(store_get_idempotency_record(f->store, key, &kept), 0);
}

static void keep_fifty(Fixture *f, uint8_t first)
{
        const IdempotencyRecord answer = {.error = ERROR_INVALID_CODE};
        Outcome outcome = {};

        for (uint8_t i = 0; i < 50; i++) {
                uint8_t one[IDEMPOTENCY_KEY_LEN] = {(uint8_t) (first + i), 1};

                assert_int_equal(
                        store_commit_exchange(f->store, "t",
                                              &(ExchangeOutcome){.key = one, .answer = &answer},
                                              on_added, &outcome, NULL),
                        0);
        }
        outcome_wait(f->store, &outcome, 50);
}

static void test_pruned(void **state)
{
        Fixture *f = *state;
        size_t before = 100, left;

        keep_fifty(f, 0);
        offset.boottime_s = TTL_S / 2;
        keep_fifty(f, 50);
        assert_int_equal(fixture_count(f, "answers"), 100);

        /* Fifty records expire and are removed step by step; all others are kept. The store's clock
         * stands still while the store is closed. */
        offset.boottime_s += TTL_S / 2 + 60;
        for (unsigned i = 0; i < 10; i++) {
                assert_int_equal(exchange(f->store, "t", &(ExchangeOutcome){}, NULL), 0);
                left = fixture_count(f, "answers");
                assert_true(before == 50 ? left == 50 : left < before && left + 20 > before);
                before = left;
        }
        assert_int_equal(before, 50);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_kept),         TEST(test_clock_jumps),      TEST(test_reboot),
                TEST(test_link_is_used), TEST(test_conflict_is_kept), TEST(test_limit_is_kept),
                TEST(test_without_link), TEST(test_pruned),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

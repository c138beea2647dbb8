/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <time.h>

#include "base/strv.h"
#include "daemon/store/lmdb/record.h"
#include "dbus/error.h"
#include "tests/unit/daemon/store/store-fixture.h"

static const uint8_t key[IDEMPOTENCY_KEY_LEN] = "the digest of a request";

/* Offset of the fake clock from the real one. */
static int64_t boottime_offset_s;

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
        int r = __real_clock_gettime(clock, ret);

        if (clock == CLOCK_BOOTTIME)
                ret->tv_sec += boottime_offset_s;
        return r;
}

static int set_up(void **state)
{
        boottime_offset_s = 0;
        return fixture_setup(state);
}

/* Open exchanges of earlier processes. */
static size_t n_left_over(Store *store, const char *tenancy)
{
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList list = {};

        assert_int_equal(store_list_exchanges(store, tenancy, &list), 0);
        return list.n_intents;
}

static void test_left_over(void **state)
{
        Fixture *f = *state;
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList list = {};
        uint64_t first, second;

        first = begin_exchange(f->store, "t", NULL, NULL);
        second = begin_exchange(f->store, "t", "ada", key);
        assert_true(second > first);
        begin_exchange(f->store, "u", NULL, NULL);
        assert_int_equal(n_left_over(f->store, "t"), 0); /* they are this process's own */
        assert_int_equal(count(f->store, "t"), 0);

        fixture_reopen(f);
        assert_true(begin_exchange(f->store, "t", NULL, NULL) > second);
        assert_int_equal(n_left_over(f->store, "u"), 1);
        assert_int_equal(n_left_over(f->store, "never-heard-of"), 0);
        assert_int_equal(store_list_exchanges(f->store, "t", &list), 0);
        assert_int_equal(list.n_intents, 2);
        assert_int_equal(list.intents[0].id, first);
        assert_null(list.intents[0].user_id);
        assert_false(list.intents[0].has_key);
        assert_true(list.intents[0].wants_link);
        assert_int_equal(list.intents[0].begun_at_api_ms, 1000000);
        assert_int_equal(list.intents[1].id, second);
        assert_string_equal(list.intents[1].user_id, "ada");
        assert_memory_equal(list.intents[1].key, key, IDEMPOTENCY_KEY_LEN);
}

/* The intent is removed with the link, or without one. */
static void test_outcome_removes_intent(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *link = make_link("auth-1", "ada", 1);
        uint64_t linked = begin_exchange(f->store, "t", NULL, NULL);
        uint64_t declined = begin_exchange(f->store, "t", NULL, NULL);
        uint64_t failed = begin_exchange(f->store, "t", NULL, NULL);

        assert_int_equal(exchange(f->store, "t",
                                  &(ExchangeOutcome){.intent_id = linked, .link = link}, NULL),
                         0);
        assert_int_equal(
                exchange(f->store, "t",
                         &(ExchangeOutcome){.intent_id = declined, .declined_id = "auth-2"}, NULL),
                0);
        assert_int_equal(exchange(f->store, "t", &(ExchangeOutcome){.intent_id = failed}, NULL), 0);
        fixture_reopen(f);
        assert_int_equal(n_left_over(f->store, "t"), 0);
        assert_string_equal(user_of(f->store, "t", "auth-1"), "ada");
        assert_int_equal(count(f->store, "t"), 1);
}

/* Recovery */

static struct {
        unsigned n;
        int r;
        size_t n_added, n_left;
} recovered;

static void on_recovered(int r, const Recovery *recovery, const LinkList *added, size_t n_left,
                         void *userdata)
{
        recovered.n++;
        recovered.r = r;
        recovered.n_added = added->n_links;
        recovered.n_left = n_left;
        assert_non_null(recovery);
}

typedef struct Found {
        const char *id, *user;
} Found;

/* All open intents are claims. */
static void recover(Store *store, const Found *found, uint64_t reach_s)
{
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList list = {};
        _cleanup_(recovery_freep) Recovery *recovery = calloc(1, sizeof(Recovery));

        assert_int_equal(store_list_exchanges(store, "t", &list), 0);
        for (size_t i = 0; i < list.n_intents; i++) {
                RecoveryClaim claim = {.intent_id = list.intents[i].id,
                                       .user_id = TAKE_PTR(list.intents[i].user_id),
                                       .until_ms = UINT64_MAX,
                                       .reach_ms = reach_s * 1000};

                assert_int_equal(recovery_add_claim(recovery, &claim), 0);
        }
        for (; found->id; found++) {
                RecoveryCandidate candidate = {.link = make_link(found->id, found->user, 1)};

                assert_int_equal(recovery_add_candidate(recovery, &candidate), 0);
        }
        recovered.n = 0;
        assert_int_equal(store_recover(store, "t", TAKE_PTR(recovery), on_recovered, NULL, NULL),
                         0);
        while (recovered.n == 0)
                exchange(store, "u", &(ExchangeOutcome){}, NULL);
        assert_int_equal(recovered.r, 0);
}

static void check_interrupted(Store *store)
{
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {};

        assert_int_equal(store_get_idempotency_record(store, key, &answer), 0);
        assert_int_equal(answer.error, ERROR_INTERRUPTED);
}

static void test_recover(void **state)
{
        Fixture *f = *state;

        begin_exchange(f->store, "t", "ada", key);
        begin_exchange(f->store, "t", NULL, NULL);
        fixture_reopen(f);
        recover(f->store, (Found[]){{"pk-1", "ada"}, {"pk-2", "bob"}, {}}, 300);
        assert_int_equal(recovered.n_added, 2);
        assert_int_equal(recovered.n_left, 0);
        assert_string_equal(user_of(f->store, "t", "pk-1"), "ada");
        assert_string_equal(user_of(f->store, "t", "pk-2"), "bob");
        check_interrupted(f->store);
        fixture_reopen(f);
        assert_int_equal(n_left_over(f->store, "t"), 0);
}

static void test_recover_nothing(void **state)
{
        Fixture *f = *state;

        begin_exchange(f->store, "t", NULL, key);
        fixture_reopen(f);
        recover(f->store, (Found[]){{}}, 300);
        assert_int_equal(recovered.n_added, 0);
        check_interrupted(f->store);
        assert_int_equal(n_left_over(f->store, "t"), 0);
        recover(f->store, (Found[]){{"pk-1", "ada"}, {}}, 300); /* by no claim */
        assert_int_equal(count(f->store, "t"), 0);
}

/* Exchanges resolved since the claims were collected: the store decides by its current state. */
static void test_settled_meanwhile(void **state)
{
        Fixture *f = *state;
        const IdempotencyRecord answer = {.error = ERROR_USER_MISMATCH};
        _cleanup_(idempotency_record_clear) IdempotencyRecord kept = {};
        uint64_t id = begin_exchange(f->store, "t", NULL, key);

        begin_exchange(f->store, "t", NULL, NULL);
        fixture_reopen(f);
        assert_int_equal(exchange(f->store, "t",
                                  &(ExchangeOutcome){.intent_id = id,
                                                     .declined_id = "pk-1",
                                                     .key = key,
                                                     .answer = &answer},
                                  NULL),
                         0);
        assert_int_equal(add(f->store, "t", "bob", "pk-2", NULL), 0);
        recover(f->store, (Found[]){{"pk-1", "ada"}, {"pk-2", "ada"}, {"pk-3", "ada"}, {}}, 300);
        assert_int_equal(recovered.n_added, 1);
        assert_string_equal(user_of(f->store, "t", "pk-1"), "");
        assert_string_equal(user_of(f->store, "t", "pk-2"), "bob");
        assert_string_equal(user_of(f->store, "t", "pk-3"), "ada");
        assert_int_equal(store_get_idempotency_record(f->store, key, &kept), 0);
        assert_int_equal(kept.error, ERROR_USER_MISMATCH);
}

/* Writes the record of the only link anew, in the closed store. */
static void replace_link_record(Fixture *f, void *bytes, size_t len)
{
        MDB_cursor *cursor;
        MDB_val where, value;
        MDB_env *env;
        MDB_txn *txn;
        MDB_dbi dbi;

        dbi = fixture_open_database(f, "links", 0, &env, &txn);
        assert_int_equal(mdb_cursor_open(txn, dbi, &cursor), 0);
        assert_int_equal(mdb_cursor_get(cursor, &where, &value, MDB_FIRST), 0);
        value = (MDB_val){.mv_data = bytes, .mv_size = len};
        assert_int_equal(mdb_put(txn, dbi, &where, &value, 0), 0);
        mdb_cursor_close(cursor);
        assert_int_equal(mdb_txn_commit(txn), 0);
        mdb_env_close(env);
        assert_int_equal(store_open(f->directory, &f->store), 0);
}

/* A damaged link does not affect the other candidates. */
static void test_damaged_link(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *link = make_link("pk-1", "ada", 1);
        _cleanup_(record_clear) Record record = {};

        assert_int_equal(exchange(f->store, "t", &(ExchangeOutcome){.link = link}, NULL), 0);
        begin_exchange(f->store, "t", NULL, NULL);
        begin_exchange(f->store, "t", "ada", NULL);
        replace_link_record(f, (char[]){"damaged"}, 7);
        recover(f->store, (Found[]){{"pk-1", "ada"}, {"pk-2", "bob"}, {}}, 300);
        assert_int_equal(recovered.n_added, 1);
        assert_string_equal(user_of(f->store, "t", "pk-2"), "bob");
        assert_int_equal(remove_one(f->store, "t", "pk-2"), 0);
        assert_int_equal(record_encode(&link_record, link, &record), 0);
        replace_link_record(f, record.bytes, record.len);
}

/* A passkey listed twice counts once. */
static void test_listed_twice(void **state)
{
        Fixture *f = *state;

        begin_exchange(f->store, "t", NULL, NULL);
        fixture_reopen(f);
        recover(f->store, (Found[]){{"pk-1", "ada"}, {"pk-1", "ada"}, {}}, 300);
        assert_int_equal(recovered.n_added, 1);
        assert_string_equal(user_of(f->store, "t", "pk-1"), "ada");
}

/* Removals before or after the crash leave tombstones. */
static void test_removed_stays_removed(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_list_clear) LinkList same = {};
        Outcome outcome = {};

        assert_int_equal(add(f->store, "t", "ada", "pk-1", NULL), 0);
        assert_int_equal(add(f->store, "t", "bob", "pk-2", NULL), 0);
        assert_int_equal(add(f->store, "t", "eve", "pk-3", NULL), 0);
        assert_int_equal(add(f->store, "t", "eve", "pk-4", NULL), 0);
        assert_int_equal(add(f->store, "u", "eve", "pk-5", NULL), 0);
        for (unsigned i = 0; i < 6; i++)
                begin_exchange(f->store, "t", NULL, NULL);
        assert_int_equal(remove_one(f->store, "t", "pk-1"), 0);
        assert_int_equal(remove_one(f->store, "u", "pk-5"), 0); /* in another tenancy */
        fixture_reopen(f);
        assert_int_equal(remove_user(f->store, "t", "eve", NULL), 0);
        assert_int_equal(store_list_by_user(f->store, "t", "bob", &same), 0);
        assert_int_equal(
                store_remove_unchanged(f->store, "t", &same, 0, on_removed, &outcome, NULL), 0);
        outcome_wait(f->store, &outcome, 1);
        assert_int_equal(outcome.n_removed, 1);
        outcome_clear(&outcome);
        recover(f->store,
                (Found[]){{"pk-1", "ada"},
                          {"pk-2", "bob"},
                          {"pk-3", "eve"},
                          {"pk-4", "eve"},
                          {"pk-5", "dora"},
                          {}},
                300);
        assert_int_equal(recovered.n_added, 1);
        assert_string_equal(user_of(f->store, "t", "pk-5"), "dora");
}

static void on_delete_begun(int r, uint64_t id, const LinkList *links, void *userdata)
{
        assert_true((id != 0) == (links->n_links > 0));
        on_begun(r, id, userdata);
}

static uint64_t begin_delete(Store *store, char *const *ids, const char *user)
{
        const StoreDelete request = {
                .endpoint = "https://api", .authenticator_ids = ids, .user_id = user};
        Outcome outcome = {};

        assert_int_equal(store_begin_delete(store, "t", &request, on_delete_begun, &outcome, NULL),
                         0);
        outcome_wait(store, &outcome, 1);
        assert_int_equal(outcome.r, 0);
        return outcome.id;
}

/* By whichever way, while recovery is looking for its link; another user of that id's, too. */
static void test_removed_before_it_is_linked(void **state)
{
        Fixture *f = *state;
        char *ids[] = {(char *) "pk-3", NULL};
        size_t n;

        for (unsigned i = 0; i < 5; i++)
                begin_exchange(f->store, "t", NULL, NULL);
        fixture_reopen(f);
        assert_int_equal(remove_one(f->store, "t", "pk-1"), ERROR_NOT_FOUND);
        assert_int_equal(remove_user(f->store, "t", "bob", &n), 0);
        assert_int_equal(n, 0);
        begin_delete(f->store, ids, NULL);
        assert_int_equal(begin_delete(f->store, NULL, "dora"), 0); /* a user without links */
        assert_int_equal(remove_one(f->store, "t", "frank"), ERROR_NOT_FOUND); /* no user */
        recover(f->store,
                (Found[]){{"pk-1", "ada"},
                          {"pk-2", "bob"},
                          {"pk-3", "eve"},
                          {"pk-4", "dora"},
                          {"pk-5", "frank"},
                          {}},
                300);
        assert_int_equal(recovered.n_added, 1);
        assert_int_equal(recovered.n_left, 0);
        assert_string_equal(user_of(f->store, "t", "pk-5"), "frank");
}

/* An authenticator that was removed while no exchange was open is linked by a later exchange. */
static void test_removed_while_nothing_is_open(void **state)
{
        Fixture *f = *state;

        assert_int_equal(add(f->store, "t", "eve", "pk-0", NULL), 0);
        assert_int_equal(remove_one(f->store, "t", "pk-1"), ERROR_NOT_FOUND);
        assert_int_equal(remove_user(f->store, "t", "ada", NULL), 0);
        begin_exchange(f->store, "t", NULL, NULL);
        fixture_reopen(f);
        recover(f->store, (Found[]){{"pk-1", "ada"}, {}}, 300);
        assert_int_equal(recovered.n_added, 1);
}

/* Two crashes: the exchange and its repeat have an intent each. */
static void test_one_code_is_one_claim(void **state)
{
        Fixture *f = *state;

        begin_exchange(f->store, "t", NULL, key);
        begin_exchange(f->store, "t", NULL, key);
        fixture_reopen(f);
        recover(f->store, (Found[]){{"pk-1", "ada"}, {"pk-2", "bob"}, {}}, 300);
        assert_int_equal(recovered.n_added, 0);
        assert_int_equal(recovered.n_left, 2);
        fixture_reopen(f);
        assert_int_equal(n_left_over(f->store, "t"), 0);

        /* The exchange was resolved before, and then retried. */
        begin_exchange(f->store, "t", NULL, key);
        fixture_reopen(f);
        recover(f->store, (Found[]){{"pk-1", "ada"}, {}}, 300);
        assert_int_equal(recovered.n_added, 0);
        check_interrupted(f->store);
}

/* The intent of the latest retry counts. */
static void test_repeat_for_another_user(void **state)
{
        Fixture *f = *state;

        begin_exchange(f->store, "t", NULL, key);
        begin_exchange(f->store, "t", "bob", key);
        fixture_reopen(f);
        recover(f->store, (Found[]){{"pk-1", "ada"}, {}}, 300);
        assert_int_equal(recovered.n_added, 0);
}

/* The claim waits until the retry has ended. */
static void test_repeat_is_under_way(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *link = make_link("pk-1", "ada", 1);
        _cleanup_(principal_freep) Principal *principal = make_principal();
        const IdempotencyRecord answer = {.principal = principal};
        uint64_t repeat;

        begin_exchange(f->store, "t", NULL, key);
        fixture_reopen(f);
        repeat = begin_exchange(f->store, "t", NULL, key);
        recover(f->store, (Found[]){{"pk-2", "bob"}, {}}, 300);
        assert_int_equal(recovered.n_added, 0);
        assert_int_equal(n_left_over(f->store, "t"), 1);

        assert_int_equal(
                exchange(f->store, "t",
                         &(ExchangeOutcome){
                                 .intent_id = repeat, .link = link, .key = key, .answer = &answer},
                         NULL),
                0);
        recover(f->store, (Found[]){{"pk-2", "bob"}, {}}, 300);
        assert_int_equal(recovered.n_added, 0);
        assert_int_equal(n_left_over(f->store, "t"), 0);
}

/* A passkey that must have been used since may be linked again. */
static void test_removed_long_before(void **state)
{
        Fixture *f = *state;

        assert_int_equal(add(f->store, "t", "ada", "pk-1", NULL), 0);
        assert_int_equal(add(f->store, "t", "ada", "pk-2", NULL), 0);
        assert_int_equal(remove_one(f->store, "t", "pk-1"), 0);
        boottime_offset_s += 600;
        assert_int_equal(remove_one(f->store, "t", "pk-2"), 0);
        boottime_offset_s += 200;
        begin_exchange(f->store, "t", NULL, NULL);
        begin_exchange(f->store, "t", NULL, NULL);
        fixture_reopen(f);
        recover(f->store, (Found[]){{"pk-1", "ada"}, {"pk-2", "ada"}, {}}, 300);
        assert_int_equal(recovered.n_added, 1);
        assert_string_equal(user_of(f->store, "t", "pk-1"), "ada");
        assert_string_equal(user_of(f->store, "t", "pk-2"), "");
}

/* The time until a clean stop counts, too. */
static void test_removed_long_before_a_stop(void **state)
{
        Fixture *f = *state;

        assert_int_equal(add(f->store, "t", "ada", "pk-1", NULL), 0);
        assert_int_equal(remove_one(f->store, "t", "pk-1"), 0);
        boottime_offset_s += 600;
        fixture_reopen(f);
        begin_exchange(f->store, "t", NULL, NULL);
        fixture_reopen(f);
        recover(f->store, (Found[]){{"pk-1", "ada"}, {}}, 300);
        assert_int_equal(recovered.n_added, 1);
}

/* A failed exchange leaves a tombstone. */
static void test_declined(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_freep) Link *conflicting = make_link("pk-1", "bob", 1);
        uint64_t mismatched = begin_exchange(f->store, "t", "ada", NULL);

        for (unsigned i = 0; i < 4; i++)
                begin_exchange(f->store, "t", NULL, NULL);
        assert_int_equal(add(f->store, "t", "ada", "pk-1", NULL), 0);
        assert_int_equal(exchange(f->store, "t", &(ExchangeOutcome){.link = conflicting}, NULL),
                         ERROR_LINK_CONFLICT);
        assert_int_equal(
                exchange(f->store, "t",
                         &(ExchangeOutcome){.intent_id = mismatched, .declined_id = "pk-2"}, NULL),
                0);
        assert_int_equal(exchange(f->store, "t", &(ExchangeOutcome){.declined_id = "pk-3"}, NULL),
                         0);
        fixture_reopen(f);
        recover(f->store, (Found[]){{"pk-2", "bob"}, {"pk-3", "bob"}, {}}, 300);
        assert_int_equal(recovered.n_added, 0);
        assert_int_equal(recovered.n_left, 0);
}

/* Tombstones are bounded. If a dropped one may matter, nothing is linked. */
static void test_decisions_are_bounded(void **state)
{
        Fixture *f = *state;
        const ExchangeOutcome other = {.declined_id = "pk-other"};
        const unsigned n = 65536 + 2000;
        Outcome outcome = {};

        assert_int_equal(add(f->store, "t", "ada", "pk-1", NULL), 0);
        assert_int_equal(remove_one(f->store, "t", "pk-1"), 0);
        boottime_offset_s += 3600;
        for (unsigned i = 0; i < n; i++)
                assert_int_equal(
                        store_commit_exchange(f->store, "t", &other, on_added, &outcome, NULL), 0);
        outcome_wait(f->store, &outcome, n);

        /* Long enough ago. */
        boottime_offset_s += 3600;
        begin_exchange(f->store, "t", NULL, NULL);
        fixture_reopen(f);
        recover(f->store, (Found[]){{"pk-1", "ada"}, {}}, 300);
        assert_int_equal(recovered.n_added, 1);

        /* Recovery cannot know. */
        assert_int_equal(remove_one(f->store, "t", "pk-1"), 0);
        begin_exchange(f->store, "t", NULL, NULL);
        fixture_reopen(f);
        recover(f->store, (Found[]){{"pk-9", "ada"}, {}}, 86400);
        assert_int_equal(recovered.n_added, 0);
        assert_int_equal(recovered.n_left, 1);
        assert_int_equal(n_left_over(f->store, "t"), 0);
}

/* Tombstones are bounded, even while an exchange stays open. */
static void test_decisions_are_bounded_while_one_is_open(void **state)
{
        Fixture *f = *state;
        const ExchangeOutcome other = {.declined_id = "pk-other"};
        const unsigned n = 2 * 65536 + 2000;
        Outcome outcome = {};

        begin_exchange(f->store, "u", NULL, NULL);
        for (unsigned i = 0; i < n; i++)
                assert_int_equal(
                        store_commit_exchange(f->store, "u", &other, on_added, &outcome, NULL), 0);
        outcome_wait(f->store, &outcome, n);
        assert_in_range(fixture_count(f, "decisions"), 65536, 2 * 65536 + 1);
}

/* Deletes */

static size_t n_deletes_left_over(Store *store, const char *tenancy)
{
        _cleanup_(delete_intent_list_clear) DeleteIntentList list = {};

        assert_int_equal(store_list_deletes(store, tenancy, &list), 0);
        return list.n_intents;
}

static void test_delete(void **state)
{
        Fixture *f = *state;
        _cleanup_(delete_intent_list_clear) DeleteIntentList list = {};
        _cleanup_(link_list_clear) LinkList links = {};
        char *ids[] = {(char *) "pk-1", (char *) "pk-2", (char *) "pk-3", NULL};
        uint64_t first, second;
        Outcome outcome = {};

        assert_int_equal(add(f->store, "t", "ada", "pk-1", NULL), 0);
        assert_int_equal(add(f->store, "t", "ada", "pk-2", NULL), 0);
        assert_int_equal(store_list_by_user(f->store, "t", "ada", &links), 0);
        first = begin_delete(f->store, ids, NULL);
        assert_int_equal(n_deletes_left_over(f->store, "t"), 0);
        fixture_reopen(f);
        second = begin_delete(f->store, ids, NULL);
        assert_int_equal(store_list_deletes(f->store, "t", &list), 0);
        assert_int_equal(list.n_intents, 1);
        assert_int_equal(list.intents[0].id, first);
        assert_string_equal(list.intents[0].endpoint, "https://api");
        assert_int_equal(list.intents[0].links.n_links, 2);
        assert_string_equal(list.intents[0].links.links[1]->authenticator_id, "pk-2");
        assert_int_equal(list.intents[0].links.links[1]->id, links.links[1]->id);
        assert_in_range(links.links[1]->id, 1, first - 1);
        assert_int_equal(n_deletes_left_over(f->store, "u"), 0);

        for (unsigned i = 0; i < 2; i++)
                assert_int_equal(store_remove_unchanged(f->store, "t", &(LinkList){},
                                                        i == 0 ? first : second, on_removed,
                                                        &outcome, NULL),
                                 0);
        outcome_wait(f->store, &outcome, 2);
        assert_int_equal(outcome.r, 0);
        fixture_reopen(f);
        assert_int_equal(n_deletes_left_over(f->store, "t"), 0);
}

static void import(Store *store, Link *link)
{
        LinkList links = {.links = &link, .n_links = 1};

        assert_int_equal(store_import(store, "t", &links, false, NULL, NULL, NULL), 0);
}

/* A link changed since is kept. */
static void test_remove_same(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_list_clear) LinkList links = {};
        _cleanup_(link_freep) Link *later = make_link("pk-2", "ada", 2),
                                   *earlier = make_link("pk-4", "ada", 0);
        Outcome outcome = {};

        for (const char *id = "1234"; *id; id++)
                assert_int_equal(
                        add(f->store, "t", "ada", (char[]){'p', 'k', '-', *id, '\0'}, NULL), 0);
        assert_int_equal(store_list_by_user(f->store, "t", "ada", &links), 0);
        import(f->store, earlier);
        for (const char *id = "123"; *id; id++)
                assert_int_equal(remove_one(f->store, "t", (char[]){'p', 'k', '-', *id, '\0'}), 0);
        assert_int_equal(add(f->store, "t", "bob", "pk-1", NULL), 0);
        assert_int_equal(exchange(f->store, "t", &(ExchangeOutcome){.link = later}, NULL), 0);
        import(f->store, links.links[2]);

        assert_int_equal(
                store_remove_unchanged(f->store, "t", &links, 0, on_removed, &outcome, NULL), 0);
        outcome_wait(f->store, &outcome, 1);
        assert_int_equal(outcome.r, 0);
        assert_int_equal(outcome.n_removed, 1);
        assert_string_equal(outcome.first_removed, "ada pk-4");
        outcome_clear(&outcome);
        assert_string_equal(user_of(f->store, "t", "pk-1"), "bob");
        assert_string_equal(user_of(f->store, "t", "pk-2"), "ada");
        assert_string_equal(user_of(f->store, "t", "pk-3"), "ada");
        assert_int_equal(count(f->store, "t"), 3);
}

static void on_done(int r, void *userdata)
{
        Outcome *outcome = userdata;

        outcome->r = r;
        outcome->n_calls++;
}

static void test_barrier_comes_last(void **state)
{
        Fixture *f = *state;
        Outcome added = {}, barrier = {};

        for (unsigned i = 0; i < 50; i++) {
                char id[16];

                snprintf(id, sizeof(id), "auth-%u", i);
                add_later(f->store, "t", "ada", id, &added);
        }
        assert_int_equal(store_barrier(f->store, on_done, &barrier, NULL), 0);
        outcome_wait(f->store, &barrier, 1);
        assert_int_equal(barrier.r, 0);
        assert_int_equal(added.n_calls, 50);
        outcome_clear(&added);
}

static void test_bad_arguments(void **state)
{
        Fixture *f = *state;
        ExchangeIntentList exchanges = {};
        DeleteIntentList deletes = {};
        char *bad_ids[] = {(char *) "", NULL};
        const StoreDelete bad_delete = {.authenticator_ids = bad_ids};
        const ExchangeIntent intent = {}, bad_user = {.user_id = (char *) ""};

        assert_int_equal(store_list_exchanges(f->store, "a b", &exchanges), -EINVAL);
        assert_int_equal(store_list_deletes(f->store, "a b", &deletes), -EINVAL);
        assert_int_equal(store_begin_exchange(f->store, "", &intent, NULL, NULL, NULL), -EINVAL);
        assert_int_equal(store_begin_exchange(f->store, "t", &bad_user, NULL, NULL, NULL), -EINVAL);
        assert_int_equal(store_begin_delete(f->store, "t", &bad_delete, NULL, NULL, NULL), -EINVAL);
        assert_int_equal(store_commit_exchange(f->store, "t", &(ExchangeOutcome){.declined_id = ""},
                                               NULL, NULL, NULL),
                         -EINVAL);
        assert_int_equal(store_recover(f->store, "", calloc(1, sizeof(Recovery)), NULL, NULL, NULL),
                         -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_left_over),
                TEST(test_outcome_removes_intent),
                TEST(test_recover),
                TEST(test_recover_nothing),
                TEST(test_settled_meanwhile),
                TEST(test_damaged_link),
                TEST(test_listed_twice),
                TEST(test_removed_stays_removed),
                TEST(test_removed_before_it_is_linked),
                TEST(test_removed_while_nothing_is_open),
                TEST(test_one_code_is_one_claim),
                TEST(test_repeat_for_another_user),
                TEST(test_repeat_is_under_way),
                TEST(test_removed_long_before),
                TEST(test_removed_long_before_a_stop),
                TEST(test_declined),
                TEST(test_decisions_are_bounded),
                TEST(test_decisions_are_bounded_while_one_is_open),
                TEST(test_delete),
                TEST(test_remove_same),
                TEST(test_barrier_comes_last),
                TEST(test_bad_arguments),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

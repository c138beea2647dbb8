/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "daemon/store/environment/store-file.h"
#include "dbus/error.h"
#include "tests/unit/daemon/store/store-fixture.h"

/* The result of an import. */
typedef struct Imported {
        unsigned n_calls;
        int r;
        LinkOutcome outcomes[STORE_IMPORT_MAX];
} Imported;

static void on_imported(int r, const LinkList *links, const LinkOutcome *outcomes, void *userdata)
{
        Imported *imported = userdata;

        imported->n_calls++;
        imported->r = r;
        memcpy(imported->outcomes, outcomes, links->n_links * sizeof(LinkOutcome));
}

static void imported_wait(Store *store, const Imported *imported)
{
        struct pollfd pollfd = {.fd = store_get_fd(store), .events = POLLIN};

        while (imported->n_calls == 0) {
                assert_int_equal(poll(&pollfd, 1, 120000), 1);
                dispatch_all(store);
        }
        assert_int_equal(imported->n_calls, 1);
}

static int import(Store *store, const LinkList *links, bool dry_run, LinkOutcome *ret_outcomes)
{
        Imported imported = {};

        assert_int_equal(store_import(store, "t", links, dry_run, on_imported, &imported, NULL), 0);
        imported_wait(store, &imported);
        if (ret_outcomes)
                memcpy(ret_outcomes, imported.outcomes, links->n_links * sizeof(LinkOutcome));
        return imported.r;
}

static void push(LinkList *list, const char *authenticator, const char *user, const char *platform,
                 uint64_t created_at_ms, uint64_t last_used_at_ms)
{
        Link *link = NULL;

        assert_int_equal(
                link_new(authenticator, user, platform, created_at_ms, last_used_at_ms, &link), 0);
        assert_int_equal(link_list_push(list, link), 0);
}

static void check_link(Store *store, const char *authenticator, const char *user,
                       const char *platform, uint64_t created_at_ms, uint64_t last_used_at_ms)
{
        _cleanup_(link_freep) Link *link = NULL;

        assert_int_equal(store_get_link(store, "t", authenticator, &link), 0);
        assert_string_equal(link->user_id, user);
        assert_true(streq_ptr(link->platform_name, platform));
        assert_int_equal(link->created_at_ms, created_at_ms);
        assert_int_equal(link->last_used_at_ms, last_used_at_ms);
}

static void test_outcomes(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_list_clear) LinkList list = {};
        LinkOutcome o[6];

        assert_int_equal(add(f->store, "t", "ada", "old", NULL), 0);
        push(&list, "new", "ada", "Phone", 100, 200);
        push(&list, "old", "ada", NULL, 100, 0);
        push(&list, "old", "bob", NULL, 100, 0);
        push(&list, "new", "ada", NULL, 100, 300);
        push(&list, "new", "bob", NULL, 100, 0);
        push(&list, "third", "bob", NULL, 100, 0);
        for (int dry_run = 1; dry_run >= 0; dry_run--) {
                assert_int_equal(import(f->store, &list, dry_run, o), 0);
                assert_int_equal(o[0], LINK_ADDED);
                assert_int_equal(o[1], LINK_PRESENT);
                assert_int_equal(o[2], LINK_CONFLICTING);
                assert_int_equal(o[3], LINK_PRESENT);
                assert_int_equal(o[4], LINK_CONFLICTING);
                assert_int_equal(o[5], LINK_ADDED);
                assert_int_equal(count(f->store, "t"), dry_run ? 1 : 3);
        }
        check_link(f->store, "new", "ada", "Phone", 100, 300);
        check_link(f->store, "old", "ada", NULL, 1, 0);

        /* Repeating it adds nothing. */
        assert_int_equal(import(f->store, &list, false, o), 0);
        assert_int_equal(o[0], LINK_PRESENT);
        assert_int_equal(o[5], LINK_PRESENT);
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t"), 3);
}

/* Merging two imports is commutative. */
static void test_merging(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_list_clear) LinkList one = {}, two = {};

        push(&one, "a", "ada", NULL, 100, 900);
        push(&one, "b", "ada", "Phone", 50, 60);
        push(&two, "a", "ada", "Laptop", 200, 300);
        push(&two, "b", "ada", "Tablet", 40, 70);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(import(f->store, i == 0 ? &one : &two, false, NULL), 0);
                assert_int_equal(import(f->store, i == 0 ? &two : &one, false, NULL), 0);
                check_link(f->store, "a", "ada", "Laptop", 100, 900);
                check_link(f->store, "b", "ada", i == 0 ? "Phone" : "Tablet", 40, 70);
                assert_int_equal(remove_user(f->store, "t", "ada", NULL), 0);
        }
        fixture_reopen(f);
}

static void test_links_per_user(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_list_clear) LinkList list = {};
        LinkOutcome o[STORE_IMPORT_MAX];
        char id[16];

        assert_int_equal(add(f->store, "t", "ada", "first", NULL), 0);
        for (unsigned i = 0; i < STORE_IMPORT_MAX; i++) {
                snprintf(id, sizeof(id), "auth-%u", i);
                push(&list, id, "ada", NULL, 1, 0);
        }
        for (int dry_run = 1; dry_run >= 0; dry_run--) {
                assert_int_equal(import(f->store, &list, dry_run, o), 0);
                for (unsigned i = 0; i < STORE_IMPORT_MAX; i++)
                        assert_int_equal(o[i],
                                         i + 1 < LINKS_PER_USER_MAX ? LINK_ADDED : LINK_EXCEEDING);
        }
        assert_int_equal(count_of_user(f->store, "t", "ada"), LINKS_PER_USER_MAX);
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t"), LINKS_PER_USER_MAX);
}

static void test_invalid_arguments(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_list_clear) LinkList none = {}, many = {}, bad = {};
        Imported imported = {};
        char id[16];

        for (unsigned i = 0; i <= STORE_IMPORT_MAX; i++) {
                snprintf(id, sizeof(id), "auth-%u", i);
                push(&many, id, "ada", NULL, 1, 0);
        }
        push(&bad, "fine", "ada", NULL, 1, 0);
        push(&bad, "", "ada", NULL, 1, 0);
        assert_int_equal(store_import(f->store, "t", &many, false, on_imported, &imported, NULL),
                         -EINVAL);
        assert_int_equal(store_import(f->store, "t", &bad, false, on_imported, &imported, NULL),
                         -EINVAL);
        assert_int_equal(store_import(f->store, "", &none, false, on_imported, &imported, NULL),
                         -EINVAL);
        assert_int_equal(import(f->store, &none, false, NULL), 0);
        assert_int_equal(imported.n_calls, 0);
        assert_int_equal(count(f->store, "t"), 0);
}

/* A dry run sees earlier changes, and later changes do not see the dry run. */
static void test_dry_run_among_others(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_list_clear) LinkList list = {};
        Imported first = {}, second = {};
        Outcome before = {}, after = {};
        Store *s = f->store;

        push(&list, "before", "ada", NULL, 1, 0);
        push(&list, "after", "ada", NULL, 1, 0);
        add_later(s, "t", "ada", "before", &before);
        assert_int_equal(store_import(s, "t", &list, true, on_imported, &first, NULL), 0);
        assert_int_equal(store_import(s, "t", &list, true, on_imported, &second, NULL), 0);
        add_later(s, "t", "bob", "after", &after);
        imported_wait(s, &second);
        outcome_wait(s, &after, 1);
        assert_int_equal(before.n_calls, 1);
        assert_int_equal(first.outcomes[0], LINK_PRESENT);
        assert_int_equal(first.outcomes[1], LINK_ADDED);
        assert_int_equal(second.outcomes[1], LINK_ADDED);
        assert_int_equal(after.r, 0);
        assert_true(after.newly_linked);
        assert_string_equal(user_of(s, "t", "after"), "bob");
        fixture_reopen(f);
}

static void make_batch(LinkList *ret, unsigned number, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                _cleanup_(freep) char *id = make_id(400, number * n + i);

                push(ret, id, id + 200, NULL, number, 0);
        }
}

/* The disk is full halfway: each batch is imported or not, as reported; with free space, the rest
 * is imported. */
static void test_full(void **state)
{
        enum { N = 100 };
        Fixture *f = *state;
        struct rlimit limit;
        unsigned n_in = 0;
        int r;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = STORE_FILE_SIZE_INITIAL;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        do {
                _cleanup_(link_list_clear) LinkList batch = {};

                make_batch(&batch, n_in, N);
                r = import(f->store, &batch, false, NULL);
                if (r == 0)
                        n_in++;
        } while (r == 0);
        assert_int_equal(r, ERROR_STORE_FULL);
        assert_true(n_in > 3);
        assert_int_equal(count(f->store, "t"), n_in * N);

        limit.rlim_cur = RLIM_INFINITY;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        for (unsigned i = 0; i < 2 * n_in; i++) {
                _cleanup_(link_list_clear) LinkList batch = {};
                LinkOutcome o[N];

                make_batch(&batch, i, N);
                assert_int_equal(import(f->store, &batch, false, o), 0);
                for (unsigned j = 0; j < N; j++)
                        assert_int_equal(o[j], i < n_in ? LINK_PRESENT : LINK_ADDED);
        }
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t"), 2 * n_in * N);
}

/* Reads and changes go on while the writer thread reopens the environment. */
static void test_release_memory(void **state)
{
        enum { ROUNDS = 50, LINKS = 40 };
        Fixture *f = *state;
        uint64_t count;

        for (unsigned round = 0; round < ROUNDS; round++) {
                _cleanup_(link_list_clear) LinkList links = {};

                for (unsigned i = 0; i < LINKS; i++) {
                        char id[32];

                        (void) snprintf(id, sizeof(id), "pk-%u", round * LINKS + i);
                        push(&links, id, id, NULL, 1, 0);
                }
                assert_int_equal(import(f->store, &links, false, NULL), 0);
                store_release_memory(f->store);
                for (unsigned i = 0; i < LINKS; i++) {
                        _cleanup_(link_freep) Link *link = NULL;

                        assert_int_equal(store_get_link(f->store, "t",
                                                        links.links[i]->authenticator_id, &link),
                                         0);
                }
                assert_int_equal(store_count(f->store, "t", &count), 0);
                assert_int_equal(count, (round + 1) * LINKS);
        }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_release_memory),
                TEST(test_outcomes),
                TEST(test_merging),
                TEST(test_links_per_user),
                TEST(test_invalid_arguments),
                TEST(test_dry_run_among_others),
                TEST(test_full),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

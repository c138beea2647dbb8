/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/log.h"
#include "dbus/error.h"
#include "tests/unit/daemon/store/store-fixture.h"

/* Link-time fakes of LMDB's write, sync and map calls, which fail on request. */
static atomic_int n_until_fault = -1; /* negative: never */
static atomic_int n_faults;
static atomic_int fault;
static atomic_bool mappings_only;

static void arm(int n_good, int n_bad, int error)
{
        atomic_store(&fault, error);
        atomic_store(&n_faults, n_bad);
        atomic_store(&n_until_fault, n_good);
}

/* Returns the number of unused faults. */
static int disarm(void)
{
        atomic_store(&n_until_fault, -1);
        return atomic_load(&n_faults);
}

static bool fails(void)
{
        if (atomic_load(&n_until_fault) < 0)
                return false;
        if (atomic_load(&n_until_fault) > 0) {
                atomic_fetch_sub(&n_until_fault, 1);
                return false;
        }
        if (atomic_load(&n_faults) == 0)
                return false;
        atomic_fetch_sub(&n_faults, 1);
        errno = atomic_load(&fault);
        return true;
}

static bool write_fails(void)
{
        return !atomic_load(&mappings_only) && fails();
}

/* By the names that LMDB calls them by: ours have 64 in them, where that makes a difference. */
_public_ ssize_t faulty_pwrite(int fd, const void *buf, size_t n, off_t offset) __asm__("pwrite");
_public_ void *faulty_mmap(void *addr, size_t len, int prot, int flags, int fd,
                           off_t offset) __asm__("mmap");

ssize_t faulty_pwrite(int fd, const void *buf, size_t n, off_t offset)
{
        return write_fails() ? -1 : syscall(SYS_pwrite64, fd, buf, n, offset);
}

_public_ ssize_t writev(int fd, const struct iovec *iov, int n)
{
        return write_fails() ? -1 : syscall(SYS_writev, fd, iov, n);
}

_public_ int fdatasync(int fd)
{
        return write_fails() ? -1 : (int) syscall(SYS_fdatasync, fd);
}

_public_ int posix_fallocate(int fd, off_t offset, off_t len)
{
        if (write_fails())
                return atomic_load(&fault);
        return syscall(SYS_fallocate, fd, 0, offset, len) < 0 ? errno : 0;
}

void *faulty_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
        if (fd >= 0 && (flags & MAP_SHARED) && fails())
                return MAP_FAILED;
        return (void *) syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
}

#define N 12U

typedef struct Round {
        int r[N];
        unsigned n_calls;
} Round;

typedef struct Slot {
        Round *round;
        unsigned i;
} Slot;

static void on_round_added(int r, bool newly_linked, void *userdata)
{
        Slot *slot = userdata;

        slot->round->r[slot->i] = r;
        slot->round->n_calls++;
}

static void id_of(unsigned number, unsigned i, char ret[static 32])
{
        snprintf(ret, 32, "%u-auth-%u", i, number);
}

/* Adds N links under faults: each exists if and only if it was acknowledged. */
static unsigned run_round(Fixture *f, unsigned number, int n_good, int n_bad, int error)
{
        const int expected = error == EIO ? ERROR_STORE_FAILED : ERROR_STORE_FULL;
        Slot slots[N];
        Round round = {};
        Outcome turn = {};
        unsigned n_refused = 0;
        char id[32];

        arm(n_good, n_bad, error);
        for (unsigned i = 0; i < N; i++) {
                _cleanup_(link_freep) Link *link = NULL;

                id_of(number, i, id);
                link = make_link(id, id, 1);
                slots[i] = (Slot){.round = &round, .i = i};
                assert_int_equal(store_add(f->store, "t", link, on_round_added, &slots[i], NULL),
                                 0);
        }
        add_later(f->store, "t", "ada", "always", &turn);
        outcome_wait(f->store, &turn, 1);
        assert_int_equal(round.n_calls, N);
        disarm();

        /* The store works again at once. */
        assert_int_equal(add(f->store, "t", "ada", "always", NULL), 0);
        for (unsigned i = 0; i < N; i++) {
                id_of(number, i, id);
                assert_true(round.r[i] == 0 || round.r[i] == expected);
                assert_string_equal(user_of(f->store, "t", id), round.r[i] == 0 ? id : "");
                n_refused += round.r[i] != 0;
        }
        return n_refused;
}

static void check_each_call(Fixture *f, int n_bad, int error)
{
        unsigned number = 0, n_refused = 0;
        uint64_t n_links;
        int left;

        do {
                n_refused += run_round(f, number, (int) number, n_bad, error);
                number++;
                left = atomic_load(&n_faults);
        } while (left < n_bad);
        assert_true(number > 3);
        if (n_bad > 100)
                assert_true(n_refused > 0);

        n_links = count(f->store, "t");
        assert_int_equal(n_links, number * N - n_refused + 1);
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t"), n_links);
}

static void test_one_fault(void **state)
{
        check_each_call(*state, 1, EIO);
}

static void test_one_fault_of_space(void **state)
{
        check_each_call(*state, 1, ENOSPC);
}

static void test_two_faults(void **state)
{
        check_each_call(*state, 2, EIO);
}

static void test_broken_disk(void **state)
{
        check_each_call(*state, 100000, EIO);
}

static void test_full_disk(void **state)
{
        check_each_call(*state, 100000, ENOSPC);
}

static void test_quota(void **state)
{
        check_each_call(*state, 100000, EDQUOT);
}

static void on_imported(int r, const LinkList *links, const LinkOutcome *outcomes, void *userdata)
{
        Outcome *outcome = userdata;

        outcome->n_calls++;
        outcome->r = r;
}

/* Fails each call of an import in turn: all or nothing. */
static void test_import(void **state)
{
        Fixture *f = *state;
        unsigned number = 0, n_in = 0;
        int left;

        do {
                _cleanup_(link_list_clear) LinkList list = {};
                Outcome outcome = {};
                char id[32];

                for (unsigned i = 0; i < N; i++) {
                        id_of(number, i, id);
                        assert_int_equal(link_list_push(&list, make_link(id, id, 1)), 0);
                }
                arm((int) number, 100000, EIO);
                assert_int_equal(
                        store_import(f->store, "t", &list, false, on_imported, &outcome, NULL), 0);
                outcome_wait(f->store, &outcome, 1);
                left = disarm();
                assert_true(outcome.r == 0 || outcome.r == ERROR_STORE_FAILED);
                assert_int_equal(add(f->store, "u", "ada", "always", NULL), 0);
                n_in += outcome.r == 0;
                assert_int_equal(count(f->store, "t"), n_in * N);
                number++;
        } while (left < 100000);
        assert_true(number > n_in + 2);
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t"), n_in * N);
}

static unsigned n_added, n_not_added;

static void on_one_added(int r, bool newly_linked, void *userdata)
{
        Outcome *outcome = userdata;

        assert_true(r == 0 || r == ERROR_STORE_FULL || r == ERROR_STORE_FAILED || r == -ENOMEM);
        outcome->n_calls++;
        *(r == 0 ? &n_added : &n_not_added) += 1;
}

static void add_forty(Fixture *f, unsigned *n)
{
        Outcome outcome = {};

        for (unsigned i = 0; i < 40; i++) {
                _cleanup_(freep) char *id = make_id(400, (*n)++);
                _cleanup_(link_freep) Link *link = make_link(id, id + 200, 1);

                assert_int_equal(store_add(f->store, "t", link, on_one_added, &outcome, NULL), 0);
        }
        outcome_wait(f->store, &outcome, 40);
}

/* Growth in which each step fails in turn. */
static void test_growth(void **state)
{
        Fixture *f = *state;
        unsigned n = 0;

        n_added = n_not_added = 0;
        for (int n_good = 0; n_good < 240; n_good++) {
                arm(n_good % 60, n_good % 7 ? 3 : 100000, n_good % 2 ? ENOMEM : ENOSPC);
                add_forty(f, &n);
                disarm();
                assert_int_equal(add(f->store, "u", "ada", "always", NULL), 0);
                assert_int_equal(count(f->store, "t"), n_added);
        }
        assert_true(n_not_added > 0);
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t"), n_added);
}

/* A single change retries as often as one in a batch. */
static void test_map_fails_once_for_one(void **state)
{
        Fixture *f = *state;
        unsigned n = 0;

        n_added = n_not_added = 0;
        atomic_store(&mappings_only, true);
        arm(0, 1, ENOMEM);
        do {
                _cleanup_(freep) char *id = make_id(400, n++);
                _cleanup_(link_freep) Link *link = make_link(id, id + 200, 1);
                Outcome outcome = {};

                assert_int_equal(store_add(f->store, "t", link, on_one_added, &outcome, NULL), 0);
                outcome_wait(f->store, &outcome, 1);
        } while (atomic_load(&n_faults) == 1);
        disarm();
        atomic_store(&mappings_only, false);
        assert_int_equal(n_not_added, 0);
        assert_int_equal(count(f->store, "t"), n);
}

/* Remapping fails once: unnoticed. */
static void test_map_fails_once(void **state)
{
        Fixture *f = *state;
        unsigned n = 0;

        n_added = n_not_added = 0;
        atomic_store(&mappings_only, true);
        do {
                arm(0, 1, ENOMEM);
                add_forty(f, &n);
        } while (disarm() == 1);
        atomic_store(&mappings_only, false);
        assert_int_equal(n_not_added, 0);
        assert_int_equal(count(f->store, "t"), n);
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t"), n);
}

/* Remapping keeps failing: reads fail until a change reopens the store. */
static void test_map_fails(void **state)
{
        Fixture *f = *state;
        unsigned n = 0;
        uint64_t untouched = 7;

        n_added = n_not_added = 0;
        atomic_store(&mappings_only, true);
        arm(0, 100000, ENOMEM);
        do
                add_forty(f, &n);
        while (n_not_added == 0);
        assert_int_equal(store_count(f->store, "t", &untouched), ERROR_STORE_FAILED);
        assert_int_equal(untouched, 7);
        assert_true(add(f->store, "u", "ada", "never", NULL) != 0);
        disarm();
        atomic_store(&mappings_only, false);

        assert_int_equal(add(f->store, "u", "ada", "always", NULL), 0);
        assert_int_equal(count(f->store, "u"), 1);
        assert_int_equal(count(f->store, "t"), n_added);
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t"), n_added);
}

/* A store that could not be created is created the next time. */
static void test_creation(void **state)
{
        char directory[] = "/tmp/test-store.XXXXXX";
        int n_good = 0, r;

        assert_non_null(mkdtemp(directory));
        do {
                Store *store = NULL;

                arm(n_good++, 100000, ENOSPC);
                r = store_open(directory, &store);
                disarm();
                assert_true(r == 0 || r == -ENOSPC);
                assert_int_equal(r == 0, store != NULL);
                store_free(store);
                if (r < 0) {
                        assert_int_equal(store_open(directory, &store), 0);
                        assert_int_equal(count(store, "t"), 0);
                        store_free(store);
                        remove_tree(directory);
                        assert_int_equal(mkdir(directory, 0700), 0);
                }
        } while (r < 0);
        assert_true(n_good > 5);
        remove_tree(directory);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_one_fault),
                TEST(test_one_fault_of_space),
                TEST(test_two_faults),
                TEST(test_broken_disk),
                TEST(test_full_disk),
                TEST(test_quota),
                TEST(test_growth),
                TEST(test_map_fails_once),
                TEST(test_map_fails_once_for_one),
                TEST(test_map_fails),
                TEST(test_import),
                cmocka_unit_test(test_creation),
        };

        log_set_max_level(LOG_CRIT);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

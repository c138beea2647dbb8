/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "daemon/store/environment/store-file.h"
#include "dbus/error.h"
#include "tests/unit/daemon/store/store-fixture.h"

#define BATCH 500U

/* Whether a private mount namespace allows filling a disk. */
static bool may_mount;

static int disk_setup(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));

        strcpy(f->directory, "/tmp/test-store.XXXXXX");
        if (!mkdtemp(f->directory))
                return -1;
        if (may_mount)
                assert_int_equal(mount("tmpfs", f->directory, "tmpfs", 0, "size=40m,mode=0700"), 0);
        assert_int_equal(store_open(f->directory, &f->store), 0);
        *state = f;
        return 0;
}

static int disk_teardown(void **state)
{
        Fixture *f = *state;

        f->store = store_free(f->store);
        if (may_mount)
                assert_int_equal(umount(f->directory), 0);
        return fixture_teardown(state);
}

static void disk_fill(const Fixture *f)
{
        static const char block[4096] = {1};
        char path[128];
        int fd;

        snprintf(path, sizeof(path), "%s/filler", f->directory);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        while (write(fd, block, sizeof(block)) > 0)
                ;
        assert_int_equal(errno, ENOSPC);
        close(fd);
}

static void disk_free(const Fixture *f)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/filler", f->directory);
        assert_int_equal(unlink(path), 0);
}

/* Numbered authenticators, and the result of adding each. */
typedef struct Filling {
        unsigned n;
        unsigned n_refused;
        int *r;
} Filling;

typedef struct Slot {
        int *r;
        Outcome *all;
} Slot;

static void on_filled(int r, bool newly_linked, void *userdata)
{
        Slot *slot = userdata;

        assert_true(r == 0 || r == ERROR_STORE_FULL);
        assert_int_equal(newly_linked, r == 0);
        *slot->r = r;
        slot->all->n_calls++;
}

static char *id_of(unsigned number)
{
        char *id = make_id(300, number);

        /* Spreads the keys, so that each batch changes pages in all parts of the map. */
        id[0] = (char) ('a' + number % 23);
        id[1] = (char) ('a' + number % 19);
        return id;
}

static void fill_batch(Fixture *f, Filling *filling)
{
        Slot slots[BATCH];
        Outcome all = {};

        filling->r = reallocarray(filling->r, filling->n + BATCH, sizeof(int));
        for (unsigned i = 0; i < BATCH; i++) {
                _cleanup_(freep) char *id = id_of(filling->n + i);
                _cleanup_(link_freep) Link *link = make_link(id, id + 100, 1);

                slots[i] = (Slot){.r = &filling->r[filling->n + i], .all = &all};
                assert_int_equal(store_add(f->store, "t", link, on_filled, &slots[i], NULL), 0);
        }
        outcome_wait(f->store, &all, BATCH);
        for (unsigned i = 0; i < BATCH; i++)
                filling->n_refused += filling->r[filling->n++] != 0;
}

/* Acknowledged links exist, others do not. */
static void check_filling(Fixture *f, const Filling *filling)
{
        for (unsigned i = 0; i < filling->n; i++) {
                _cleanup_(freep) char *id = id_of(i);

                assert_string_equal(user_of(f->store, "t", id), filling->r[i] == 0 ? id + 100 : "");
        }
        assert_int_equal(count(f->store, "t"), filling->n - filling->n_refused);
}

static void check_full(Fixture *f, Filling *filling)
{
        do {
                assert_true(filling->n < 100000);
                fill_batch(f, filling);
        } while (filling->n_refused == 0);
        fill_batch(f, filling);
        assert_true(filling->n_refused > BATCH / 2);
        assert_true(filling->n > 2 * BATCH);
        check_filling(f, filling);

        /* Also after it has been opened anew, without any more space. */
        fixture_reopen(f);
        check_filling(f, filling);
        fill_batch(f, filling);
        check_filling(f, filling);
}

static void check_works_again(Fixture *f, Filling *filling)
{
        unsigned n_refused = filling->n_refused;

        for (unsigned i = 0; i < 5; i++)
                fill_batch(f, filling);
        assert_int_equal(filling->n_refused, n_refused);
        assert_int_equal(add(f->store, "t", "ada", "last", NULL), 0);
        assert_int_equal(remove_one(f->store, "t", "last"), 0);
        check_filling(f, filling);
        fixture_reopen(f);
        check_filling(f, filling);
        free(filling->r);
}

static void test_disk_full(void **state)
{
        Fixture *f = *state;
        Filling filling = {};

        disk_fill(f);
        check_full(f, &filling);
        disk_free(f);
        check_works_again(f, &filling);
}

/* There is room for half of a step. */
static void test_little_room(void **state)
{
        Fixture *f = *state;
        Filling filling = {};
        char path[128];
        struct stat st;

        disk_fill(f);
        snprintf(path, sizeof(path), "%s/filler", f->directory);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(truncate(path, st.st_size - STORE_FILE_SIZE_INITIAL / 2), 0);
        check_full(f, &filling);
        snprintf(path, sizeof(path), "%s/data.mdb", f->directory);
        assert_int_equal(stat(path, &st), 0);
        assert_true(st.st_size > STORE_FILE_SIZE_INITIAL);
        assert_true(st.st_size <= 2 * STORE_FILE_SIZE_INITIAL);
        disk_free(f);
        check_works_again(f, &filling);
}

/* Adds links of one user until there is no room. Returns how many there are. */
static size_t fill_user(Fixture *f, const char *user, unsigned seed, size_t id_len)
{
        Slot slots[LINKS_PER_USER_MAX];
        int r[LINKS_PER_USER_MAX];
        size_t n = 0;
        Outcome all = {};

        for (unsigned i = 0; i < LINKS_PER_USER_MAX; i++) {
                _cleanup_(freep) char *id = make_id(id_len, seed + i);
                _cleanup_(link_freep) Link *link = NULL;

                id[0] = (char) ('a' + i % 23);
                id[1] = (char) ('a' + i % 19);
                link = make_link(id, user, 1);
                slots[i] = (Slot){.r = &r[i], .all = &all};
                assert_int_equal(store_add(f->store, "t", link, on_filled, &slots[i], NULL), 0);
        }
        outcome_wait(f->store, &all, LINKS_PER_USER_MAX);
        for (unsigned i = 0; i < LINKS_PER_USER_MAX; i++)
                n += r[i] == 0;
        return n;
}

static void check_user_goes(Fixture *f, const char *user, size_t n_links)
{
        size_t n_removed = 0;

        assert_int_equal(count_of_user(f->store, "t", user), n_links);
        assert_int_equal(remove_user(f->store, "t", user, &n_removed), 0);
        assert_int_equal(n_removed, n_links);
        assert_int_equal(count_of_user(f->store, "t", user), 0);
}

/* On a full store, users with the maximum of links and ids of maximum length can be removed, at
 * once or link by link, even while open exchanges require tombstones. */
static void test_removing_needs_no_space(void **state)
{
        Fixture *f = *state;
        const size_t id_lens[] = {16, 506, 507, 512};
        size_t n[32], n_users = 0, total = 0;
        char user[ARRAY_SIZE(n)][16];

        begin_exchange(f->store, "t", NULL, NULL);
        do {
                assert_true(n_users < ARRAY_SIZE(n));
                if (n_users == 6)
                        disk_fill(f);
                snprintf(user[n_users], sizeof(user[n_users]), "user-%zu", n_users);
                n[n_users] = fill_user(f, user[n_users], (unsigned) n_users * 1000000,
                                       id_lens[n_users % ARRAY_SIZE(id_lens)]);
                total += n[n_users++];
        } while (n[n_users - 1] == LINKS_PER_USER_MAX);
        assert_true(n_users > 6);
        assert_int_equal(count(f->store, "t"), total);
        assert_true(store_has_reserve(f->store));

        check_user_goes(f, user[0], n[0]);
        fixture_reopen(f); /* without its reserve, and without room for one */
        assert_false(store_has_reserve(f->store));
        check_user_goes(f, user[2], n[2]);
        for (size_t i = 0; i < n_users; i++) {
                _cleanup_(link_list_clear) LinkList list = {};

                assert_int_equal(store_list_by_user(f->store, "t", user[i], &list), 0);
                for (size_t j = 0; j < list.n_links; j++)
                        assert_int_equal(remove_one(f->store, "t", list.links[j]->authenticator_id),
                                         0);
        }
        assert_int_equal(count(f->store, "t"), 0);

        /* Freed pages are reused. */
        assert_true(fill_user(f, "again", 7, 100) > 0);
        disk_free(f);
        assert_int_equal(fill_user(f, "at last", 9, 100), LINKS_PER_USER_MAX);
        assert_true(store_has_reserve(f->store));
        fixture_reopen(f);
}

/* ENOSPC at creation leaves nothing behind. */
static void test_no_room_for_a_store(void **state)
{
        Fixture *f = *state;
        Store *store = NULL;
        char path[128];

        snprintf(path, sizeof(path), "%s/second", f->directory);
        assert_int_equal(mkdir(path, 0700), 0);
        disk_fill(f);
        assert_int_equal(store_open(path, &store), -ENOSPC);
        disk_free(f);
        assert_int_equal(store_open(path, &store), 0);
        assert_int_equal(add(store, "t", "ada", "a", NULL), 0);
        store_free(store);
}

static void limit_file_size(rlim_t size)
{
        struct rlimit limit;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = size;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* SIGXFSZ would kill the process: the writer avoids the signal. */
static void test_file_size_limit(void **state)
{
        Fixture *f = *state;
        Filling filling = {};

        limit_file_size(STORE_FILE_SIZE_INITIAL);
        check_full(f, &filling);
        limit_file_size(RLIM_INFINITY);
        check_works_again(f, &filling);
}

/* Writes within the allocated file fail, completely or partially. */
static void test_write_fails(void **state)
{
        Fixture *f = *state;
        Outcome outcome = {};
        unsigned n = 0;

        for (rlim_t limit = 4096; limit < 300000; limit += 20000) {
                outcome = (Outcome){};
                limit_file_size(limit);
                for (unsigned i = 0; i < 200; i++) {
                        _cleanup_(freep) char *id = make_id(400, n++);

                        add_later(f->store, "t", id + 200, id, &outcome);
                }
                outcome_wait(f->store, &outcome, 200);
                limit_file_size(RLIM_INFINITY);
                assert_int_equal(add(f->store, "u", "ada", "same", NULL), 0);
        }
        assert_true(outcome.r == ERROR_STORE_FULL || outcome.r == ERROR_STORE_FAILED);
        fixture_reopen(f);
        assert_int_equal(count(f->store, "u"), 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, disk_setup, disk_teardown)
        const struct CMUnitTest anywhere[] = {
                TEST(test_file_size_limit),
                TEST(test_write_fails),
        };
        const struct CMUnitTest with_mounts[] = {
                TEST(test_file_size_limit),
                TEST(test_write_fails),
                TEST(test_disk_full),
                TEST(test_little_room),
                TEST(test_removing_needs_no_space),
                TEST(test_no_room_for_a_store),
        };

        may_mount =
                unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
        if (may_mount)
                return cmocka_run_group_tests(with_mounts, NULL, NULL);
        /* Meson counts cmocka's skips as failures. */
        puts("# skipped: a full disk, since mounts are not permitted here");
        return cmocka_run_group_tests(anywhere, NULL, NULL);
}

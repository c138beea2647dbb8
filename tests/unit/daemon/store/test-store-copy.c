/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/log.h"
#include "daemon/store/environment/store-copy.h"
#include "daemon/store/environment/store-file.h"
#include "tests/unit/daemon/store/store-child.h"

/* Process that makes the copy. */
static unsigned n_map_resized; /* number of map growths to simulate */
static int hang_fd = -1;       /* the copy hangs, with a reader, and reports that here */

/* Whether the child could reach a terminal or other directories. */
static char is_exposed(void)
{
        struct stat st;

        for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
                if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
                        return true;
        return getsid(0) != getpid();
}

_public_ int mdb_env_copyfd2(MDB_env *env, mdb_filehandle_t fd, unsigned flags)
{
        int (*copy)(MDB_env *, mdb_filehandle_t, unsigned) = dlsym(RTLD_NEXT, "mdb_env_copyfd2");
        MDB_txn *txn;

        if (n_map_resized > 0) {
                n_map_resized--;
                return write(fd, "half a page", 11) == 11 ? MDB_MAP_RESIZED : EIO;
        }
        if (hang_fd >= 0) {
                char exposed = is_exposed();

                if (mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0 ||
                    write(hang_fd, &exposed, 1) != 1)
                        return EIO;
                for (;;)
                        pause();
        }
        return copy(env, fd, flags);
}

/* A fixture whose store is closed, with room beside it. */
typedef struct Copying {
        Fixture f;
        char place[64], copy[80];
} Copying;

static int setup(void **state)
{
        Copying *c = calloc(1, sizeof(Copying));

        strcpy(c->f.directory, "/tmp/test-store.XXXXXX");
        strcpy(c->place, "/tmp/test-copy.XXXXXX");
        if (!mkdtemp(c->f.directory) || !mkdtemp(c->place))
                return -1;
        /* The copy has the file name of a store. */
        snprintf(c->copy, sizeof(c->copy), "%s/data.mdb", c->place);
        n_map_resized = 0;
        hang_fd = -1;
        *state = c;
        return 0;
}

static int teardown(void **state)
{
        Copying *c = *state;

        store_free(c->f.store);
        remove_tree(c->f.directory);
        remove_tree(c->place);
        free(c);
        return 0;
}

static void open_store(Copying *c)
{
        assert_int_equal(store_open(c->f.directory, &c->f.store), 0);
}

static void close_store(Copying *c)
{
        c->f.store = store_free(c->f.store);
}

static void fill(Copying *c)
{
        open_store(c);
        assert_int_equal(add(c->f.store, "t", "ada", "a", NULL), 0);
        assert_int_equal(add(c->f.store, "t", "bob", "b", NULL), 0);
        assert_int_equal(add(c->f.store, "u", "ada", "a", NULL), 0);
        close_store(c);
}

/* How many files there are beside the copy's place. */
static unsigned count_files(const char *path)
{
        DIR *directory = opendir(path);
        struct dirent *entry;
        unsigned n = 0;

        assert_non_null(directory);
        while ((entry = readdir(directory)))
                n += !streq(entry->d_name, ".") && !streq(entry->d_name, "..");
        closedir(directory);
        return n;
}

static void check_copy(Copying *c)
{
        Store *store = NULL;
        struct stat st;

        assert_int_equal(count_files(c->place), 1);
        assert_int_equal(stat(c->copy, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(st.st_uid, geteuid());
        assert_int_equal(audit(c->place), 3);

        assert_int_equal(store_open(c->place, &store), 0);
        assert_string_equal(user_of(store, "t", "b"), "bob");
        assert_int_equal(add(store, "t", "ada", "more", NULL), 0);
        assert_int_equal(count(store, "t"), 3);
        store_free(store);
        assert_int_equal(audit(c->place), 4);
}

static void test_stopped(void **state)
{
        Copying *c = *state;
        char path[128];

        fill(c);
        /* Like a store from another host. */
        snprintf(path, sizeof(path), "%s/lock.mdb", c->f.directory);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(store_copy(c->f.directory, c->copy), 0);
        check_copy(c);
        open_store(c);
        assert_int_equal(count(c->f.store, "t"), 2);
        assert_int_equal(add(c->f.store, "t", "ada", "more", NULL), 0);
}

static void test_replaces_none(void **state)
{
        Copying *c = *state;
        _cleanup_(freep) char *text = NULL;
        size_t len;

        fill(c);
        write_file(c->place, "data.mdb", "mine", 4);
        assert_int_equal(store_copy(c->f.directory, c->copy), -EEXIST);
        text = read_file(c->place, "data.mdb", &len);
        assert_int_equal(len, 4);
        assert_int_equal(count_files(c->place), 1);
        assert_int_equal(store_copy(c->f.directory, "/nowhere/at/all"), -ENOENT);
}

/* A store of another version is refused and unchanged. */
static void test_no_store(void **state)
{
        Copying *c = *state;
        _cleanup_(freep) void *bytes = NULL;
        char path[128];
        size_t len;

        assert_int_equal(store_copy(c->f.directory, c->copy), -ENOENT);
        assert_int_equal(store_copy("/nowhere/at/all", c->copy), -ENOENT);
        assert_int_equal(count_files(c->f.directory), 0);

        write_file(c->f.directory, "data.mdb", "", 0);
        assert_int_equal(store_copy(c->f.directory, c->copy), -EMEDIUMTYPE);
        write_file(c->f.directory, "data.mdb", "no store at all", 15);
        assert_int_equal(store_copy(c->f.directory, c->copy), -EMEDIUMTYPE);
        snprintf(path, sizeof(path), "%s/data.mdb", c->f.directory);
        assert_int_equal(unlink(path), 0);

        /* Cut off. */
        fill(c);
        bytes = read_file(c->f.directory, "data.mdb", &len);
        write_file(c->f.directory, "data.mdb", bytes, 4096 * 3);
        assert_int_equal(store_copy(c->f.directory, c->copy), -EMEDIUMTYPE);
        assert_int_equal(count_files(c->place), 0);
}

static void test_other_schema(void **state)
{
        Copying *c = *state;
        uint32_t version = UINT32_MAX;
        MDB_val key = {.mv_data = (void *) "schema", .mv_size = 6};
        MDB_val value = {.mv_data = &version, .mv_size = sizeof(version)};
        MDB_env *env;
        MDB_txn *txn;
        MDB_dbi dbi;

        fill(c);
        assert_int_equal(mdb_env_create(&env), 0);
        assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
        assert_int_equal(mdb_env_open(env, c->f.directory, 0, 0600), 0);
        assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
        assert_int_equal(mdb_dbi_open(txn, "meta", 0, &dbi), 0);
        assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
        assert_int_equal(mdb_txn_commit(txn), 0);
        mdb_env_close(env);
        assert_int_equal(store_copy(c->f.directory, c->copy), -EMEDIUMTYPE);
        assert_int_equal(count_files(c->place), 0);
}

static void test_map_grows_meanwhile(void **state)
{
        Copying *c = *state;

        fill(c);
        n_map_resized = 1;
        assert_int_equal(store_copy(c->f.directory, c->copy), 0);
        check_copy(c);
        assert_int_equal(unlink(c->copy), 0);
        n_map_resized = 100;
        assert_int_equal(store_copy(c->f.directory, c->copy), -ENOTRECOVERABLE);
        assert_int_equal(access(c->copy, F_OK), -1);
}

static void limit_file_size(rlim_t size)
{
        struct rlimit limit;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = size;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* ENOSPC at any point leaves no file behind. */
static void test_no_space(void **state)
{
        Copying *c = *state;
        struct stat st;
        int r;

        fill(c);
        assert_int_equal(store_copy(c->f.directory, c->copy), 0);
        assert_int_equal(stat(c->copy, &st), 0);
        assert_int_equal(unlink(c->copy), 0);
        for (off_t size = 0; size < st.st_size; size += 2048) {
                limit_file_size((rlim_t) size);
                r = store_copy(c->f.directory, c->copy);
                limit_file_size(RLIM_INFINITY);
                assert_int_equal(r, -EFBIG);
                assert_int_equal(count_files(c->place), 0);
        }
        assert_int_equal(store_copy(c->f.directory, c->copy), 0);
        check_copy(c);
}

static void give_away(const char *directory)
{
        char path[128];

        assert_int_equal(chown(directory, 65534, 65534), 0);
        snprintf(path, sizeof(path), "%s/data.mdb", directory);
        assert_int_equal(chown(path, 65534, 65534), 0);
        snprintf(path, sizeof(path), "%s/lock.mdb", directory);
        assert_int_equal(unlink(path), 0);
}

/* Numbers from the child, as far as they have come, at least `n`. */
static unsigned read_numbers(int fd, unsigned n)
{
        unsigned number = 0;

        do
                assert_int_equal(read(fd, &number, sizeof(number)), sizeof(number));
        while (number + 1 < n);
        return number + 1;
}

/* A copy is a consistent snapshot with all acknowledged changes. */
static unsigned check_busy_copy(Copying *c, unsigned n_acknowledged)
{
        size_t n_links = audit(c->place);
        Store *store = NULL;
        char id[32], user[32];
        unsigned n = 0;

        assert_int_equal(store_open(c->place, &store), 0);
        for (;; n++) {
                child_id_of(n, id);
                child_user_of(n, user);
                if (!streq(user_of(store, "t", id), user))
                        break;
        }
        store_free(store);
        assert_true(n >= n_acknowledged);
        assert_int_equal(n_links, n);
        remove_tree(c->place);
        assert_int_equal(mkdir(c->place, 0700), 0);
        return n;
}

static off_t file_size(const char *path)
{
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        return st.st_size;
}

/* Until the store has grown, too. */
static void check_in_use(Copying *c)
{
        unsigned n = 0, n_copied = 0;
        char path[128];
        off_t size;
        pid_t pid;
        int fd;

        snprintf(path, sizeof(path), "%s/data.mdb", c->f.directory);
        size = file_size(path);
        pid = child_start(c->f.directory, 0, &fd);
        for (unsigned round = 0; round < 8 || file_size(path) == size; round++) {
                unsigned n_before = read_numbers(fd, n + 700);

                assert_int_equal(store_copy(c->f.directory, c->copy), 0);
                n = read_numbers(fd, n_before + 1);
                n_copied = check_busy_copy(c, n_before);
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        close(fd);
        assert_true(audit(c->f.directory) >= n_copied);
}

static void test_in_use(void **state)
{
        Copying *c = *state;

        open_store(c);
        close_store(c);
        check_in_use(c);
}

/* As installed: a service user owns the store, root copies it. */
static void test_in_use_by_another_user(void **state)
{
        Copying *c = *state;

        open_store(c);
        close_store(c);
        give_away(c->f.directory);
        check_in_use(c);
}

/* Forks a process that copies, and hangs as a reader. Returns when it hangs. */
static pid_t start_hanging(Copying *c, int *ret_fd)
{
        int fds[2];
        pid_t pid;
        char byte;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                sigset_t set;

                sigemptyset(&set);
                sigaddset(&set, SIGTERM);
                sigprocmask(SIG_BLOCK, &set, NULL);
                /* The process that copies has closed all other descriptors. */
                hang_fd = STDOUT_FILENO;
                if (dup2(fds[1], hang_fd) < 0)
                        _exit(1);
                _exit(-store_copy(c->f.directory, c->copy));
        }
        close(fds[1]);
        assert_int_equal(read(fds[0], &byte, 1), 1);
        assert_false(byte);
        *ret_fd = fds[0];
        return pid;
}

static void churn(Store *store)
{
        for (unsigned round = 0; round < 30; round++) {
                Outcome outcome = {};

                for (unsigned i = 0; i < 250; i++) {
                        _cleanup_(freep) char *id = make_id(400, i);

                        add_later(store, "t", "ada", id, &outcome);
                }
                outcome_wait(store, &outcome, 250);
                assert_int_equal(outcome.r, 0);
                assert_int_equal(remove_user(store, "t", "ada", NULL), 0);
        }
}

/* The dead reader's pages are reused. */
static void test_killed(void **state)
{
        Copying *c = *state;
        char path[128], byte;
        pid_t pid;
        int fd;

        fill(c);
        open_store(c);
        pid = start_hanging(c, &fd);
        assert_int_equal(add(c->f.store, "t", "ada", "meanwhile", NULL), 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        /* The process that it had forked has ended, too. */
        assert_int_equal(read(fd, &byte, 1), 0);
        close(fd);
        assert_int_equal(access(c->copy, F_OK), -1);

        churn(c->f.store);
        snprintf(path, sizeof(path), "%s/data.mdb", c->f.directory);
        assert_true(file_size(path) <= 2 * STORE_FILE_SIZE_INITIAL);
        assert_string_equal(user_of(c->f.store, "t", "b"), "bob");
        close_store(c);
        assert_int_equal(audit(c->f.directory), 2);
}

static void test_interrupted(void **state)
{
        Copying *c = *state;
        int status, fd;
        pid_t pid;
        char byte;

        fill(c);
        pid = start_hanging(c, &fd);
        assert_int_equal(kill(pid, SIGTERM), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), EINTR);
        assert_int_equal(read(fd, &byte, 1), 0);
        close(fd);
        assert_int_equal(count_files(c->place), 0);
        assert_int_equal(store_copy(c->f.directory, c->copy), 0);
}

/* Root does not follow what the service user planted. */
static void test_as_root(void **state)
{
        Copying *c = *state;
        _cleanup_(freep) char *text = NULL;
        char lock[128], secret[128];
        struct stat st;
        size_t len;

        fill(c);
        give_away(c->f.directory);
        assert_int_equal(store_copy(c->f.directory, c->copy), 0);
        snprintf(lock, sizeof(lock), "%s/lock.mdb", c->f.directory);
        assert_int_equal(stat(lock, &st), 0);
        assert_int_equal(st.st_uid, 65534);
        check_copy(c);
        assert_int_equal(unlink(c->copy), 0);

        write_file(c->place, "secret", "root's own", 10);
        snprintf(secret, sizeof(secret), "%s/secret", c->place);
        assert_int_equal(unlink(lock), 0);
        assert_int_equal(symlink(secret, lock), 0);
        assert_int_equal(store_copy(c->f.directory, c->copy), -EACCES);
        text = read_file(c->place, "secret", &len);
        assert_int_equal(len, 10);
        assert_int_equal(access(c->copy, F_OK), -1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_stopped),
                TEST(test_replaces_none),
                TEST(test_no_store),
                TEST(test_other_schema),
                TEST(test_map_grows_meanwhile),
                TEST(test_no_space),
                TEST(test_in_use),
                TEST(test_killed),
                TEST(test_interrupted),
                TEST(test_in_use_by_another_user),
                TEST(test_as_root),
        };

        log_set_max_level(LOG_CRIT);
        (void) signal(SIGXFSZ, SIG_IGN);
        /* The last two need root; meson counts cmocka's skips as failures. */
        return _cmocka_run_group_tests("copy", tests, ARRAY_SIZE(tests) - (geteuid() == 0 ? 0 : 2),
                                       NULL, NULL);
}

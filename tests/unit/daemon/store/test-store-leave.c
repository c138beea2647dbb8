/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A host leaves a shared store. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "daemon/store/shared/replica.h"
#include "daemon/store/store-shared.h"
#include "dbus/error.h"
#include "tests/unit/daemon/store/memory-cluster.h"
#include "tests/unit/daemon/store/store-fixture.h"

enum { LINKS = 4, IDLE_MAX = 120000 };

/* System calls of the leave: one of them fails, or kills the process. */

static unsigned countdown; /* 0: none */
static bool kills;

static bool is_due(void)
{
        if (countdown == 0 || --countdown > 0)
                return false;
        if (kills)
                _exit(EXIT_SUCCESS);
        errno = ENOSPC;
        return true;
}

#define WRAP(name, parameters, arguments) \
        int __real_##name parameters; \
        int __wrap_##name parameters; \
        int __wrap_##name parameters \
        { \
                return is_due() ? -1 : __real_##name arguments; \
        }

WRAP(mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(fdatasync, (int fd), (fd))
WRAP(fsync, (int fd), (fd))
WRAP(linkat, (int from_fd, const char *from, int to_fd, const char *to, int flags),
     (from_fd, from, to_fd, to, flags))
WRAP(renameat, (int from_fd, const char *from, int to_fd, const char *to),
     (from_fd, from, to_fd, to))
WRAP(renameat2, (int from_fd, const char *from, int to_fd, const char *to, unsigned flags),
     (from_fd, from, to_fd, to, flags))
WRAP(unlinkat, (int fd, const char *path, int flags), (fd, path, flags))

int __real_posix_fallocate64(int fd, off_t offset, off_t len);
int __wrap_posix_fallocate64(int fd, off_t offset, off_t len);
int __wrap_posix_fallocate64(int fd, off_t offset, off_t len)
{
        return is_due() ? ENOSPC : __real_posix_fallocate64(fd, offset, len);
}

ssize_t __real_sendfile64(int to_fd, int from_fd, off_t *offset, size_t count);
ssize_t __wrap_sendfile64(int to_fd, int from_fd, off_t *offset, size_t count);
ssize_t __wrap_sendfile64(int to_fd, int from_fd, off_t *offset, size_t count)
{
        return is_due() ? -1 : __real_sendfile64(to_fd, from_fd, offset, count);
}

static atomic_bool cannot_apply;

int __real_replica_put_revision(Txn *txn, uint64_t revision);
int __wrap_replica_put_revision(Txn *txn, uint64_t revision);
int __wrap_replica_put_revision(Txn *txn, uint64_t revision)
{
        return cannot_apply ? -ENOSPC : __real_replica_put_revision(txn, revision);
}

/* Two hosts; the first one leaves. */

typedef struct Fleet {
        MemoryCluster *cluster;
        char directory[64]; /* the state directory of the first one */
        Store *hosts[2];
        Store *own; /* after the leave */
} Fleet;

static char *path_of(const Fleet *fleet, const char *name)
{
        static char path[128];

        snprintf(path, sizeof(path), "%s/%s", fleet->directory, name);
        return path;
}

static void open_host(Fleet *fleet, unsigned i, bool has_left)
{
        const StoreSharedOptions options = {.log = memory_cluster_join(fleet->cluster, i),
                                            .may_be_alone = true,
                                            .has_left = has_left};

        assert_int_equal(store_open_shared(path_of(fleet, i == 0 ? "shared" : "other"), &options,
                                           &fleet->hosts[i]),
                         0);
}

static void step(Fleet *fleet)
{
        for (unsigned i = 0; i < ARRAY_SIZE(fleet->hosts); i++) {
                struct pollfd pollfd = {.events = POLLIN};

                if (!fleet->hosts[i])
                        continue;
                pollfd.fd = store_get_fd(fleet->hosts[i]);
                (void) poll(&pollfd, 1, 1);
                dispatch_all(fleet->hosts[i]);
        }
        (void) memory_cluster_step(fleet->cluster);
}

static void wait_for(Fleet *fleet, const unsigned *n_calls)
{
        for (unsigned i = 0; *n_calls == 0 && i < IDLE_MAX; i++)
                step(fleet);
        assert_int_equal(*n_calls, 1);
}

static int fleet_add(Fleet *fleet, unsigned host, const char *authenticator)
{
        Outcome outcome = {};

        add_later(fleet->hosts[host], "t", "u", authenticator, &outcome);
        wait_for(fleet, &outcome.n_calls);
        return outcome.r;
}

static int fleet_begin(Fleet *fleet, unsigned host, const uint8_t *key)
{
        ExchangeIntent intent = {.wants_link = true, .window_ms = 1000, .has_key = key};
        Outcome outcome = {};

        if (key)
                memcpy(intent.key, key, IDEMPOTENCY_KEY_LEN);
        assert_int_equal(
                store_begin_exchange(fleet->hosts[host], "t", &intent, on_begun, &outcome, NULL),
                0);
        wait_for(fleet, &outcome.n_calls);
        return outcome.r;
}

/* Until both hosts have all changes. */
static void settle(Fleet *fleet)
{
        uint64_t revision = memory_cluster_revision(fleet->cluster);
        ReplicaStatus first, second;

        do {
                step(fleet);
                store_shared_get_status(fleet->hosts[0], &first);
                store_shared_get_status(fleet->hosts[1], &second);
        } while (first.revision < revision || second.revision < revision);
}

static void make_directory(char ret[static 64])
{
        strcpy(ret, "/tmp/test-leave.XXXXXX");
        assert_non_null(mkdtemp(ret));
}

static Fleet *fleet_new(const char *directory)
{
        Fleet *fleet = calloc(1, sizeof(Fleet));

        assert_non_null(fleet);
        snprintf(fleet->directory, sizeof(fleet->directory), "%s", directory);
        fleet->cluster = memory_cluster_new(1);
        assert_int_equal(mkdir(path_of(fleet, "shared"), 0700), 0);
        assert_int_equal(mkdir(path_of(fleet, "other"), 0700), 0);
        for (unsigned i = 0; i < ARRAY_SIZE(fleet->hosts); i++)
                open_host(fleet, i, false);
        settle(fleet);
        for (unsigned i = 0; i < LINKS; i++) {
                char id[16];

                snprintf(id, sizeof(id), "a%u", i);
                assert_int_equal(fleet_add(fleet, i % 2, id), 0);
        }
        settle(fleet);
        return fleet;
}

static int setup(void **state)
{
        char directory[64];

        make_directory(directory);
        *state = fleet_new(directory);
        return 0;
}

static int teardown(void **state)
{
        Fleet *fleet = *state;

        cannot_apply = false;
        for (unsigned i = 0; i < ARRAY_SIZE(fleet->hosts); i++)
                store_free(fleet->hosts[i]);
        store_free(fleet->own);
        memory_cluster_free(fleet->cluster);
        remove_tree(fleet->directory);
        free(fleet);
        return 0;
}

/* Leave */

typedef struct Left {
        unsigned n_calls;
        int r;
        StoreLeave result;
        bool has_kept;
} Left;

static void on_left(int r, const StoreLeave *result, void *userdata)
{
        Left *left = userdata;

        countdown = 0;
        left->n_calls++;
        left->r = r;
        left->result = *result;
        left->has_kept = result->kept;
}

static Left leave(Fleet *fleet)
{
        StoreLeaving *leaving;
        char mark[128];
        Left left = {};

        snprintf(mark, sizeof(mark), "%s", path_of(fleet, "shared/left"));
        assert_int_equal(store_shared_leave(fleet->hosts[0], fleet->directory, mark, NULL, on_left,
                                            &left, &leaving),
                         0);
        wait_for(fleet, &left.n_calls);
        return left;
}

static void open_own(Fleet *fleet)
{
        fleet->hosts[0] = store_free(fleet->hosts[0]);
        assert_int_equal(store_open(fleet->directory, &fleet->own), 0);
}

static size_t n_exchanges(Store *store)
{
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList intents = {};

        assert_int_equal(store_list_exchanges(store, "t", &intents), 0);
        return intents.n_intents;
}

static bool exists(const char *directory, const char *name)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        return access(path, F_OK) == 0;
}

/* Whether the store that was replaced has been kept. */
static bool has_kept(const char *path)
{
        DIR *directory = opendir(path);
        const struct dirent *entry;
        bool found = false;

        assert_non_null(directory);
        while ((entry = readdir(directory)))
                found |= strncmp(entry->d_name, "data.mdb.", strlen("data.mdb.")) == 0;
        closedir(directory);
        return found;
}

/* The own store has all links, and the exchanges of its host. */
static void test_leave(void **state)
{
        static const uint8_t mine[IDEMPOTENCY_KEY_LEN] = {1};
        Fleet *fleet = *state;
        StoreLeave preview;
        Left left;

        assert_int_equal(fleet_begin(fleet, 0, mine), 0);
        assert_int_equal(fleet_begin(fleet, 1, NULL), 0);
        assert_int_equal(fleet_begin(fleet, 1, NULL), 0);
        settle(fleet);
        assert_int_equal(store_shared_preview_leave(fleet->hosts[0], &preview), 0);
        left = leave(fleet);
        assert_int_equal(left.r, 0);
        assert_int_equal(left.result.links, LINKS);
        assert_int_equal(left.result.exchanges, 1);
        assert_int_equal(left.result.left, 2);
        assert_int_equal(left.result.unshared, 0);
        assert_true(left.result.is_current && left.result.is_told && !left.has_kept);
        preview.is_told = true;
        assert_memory_equal(&preview, &left.result, sizeof(preview));
        assert_int_equal(memory_cluster_count(fleet->cluster, "exchanges/"), 2);
        assert_int_equal(fleet_add(fleet, 0, "late"), ERROR_STORE_FAILED);
        assert_int_equal(fleet_add(fleet, 1, "theirs"), 0);

        open_own(fleet);
        assert_int_equal(count(fleet->own, "t"), LINKS);
        assert_int_equal(n_exchanges(fleet->own), 1);
        assert_false(store_is_shared(fleet->own));
        assert_int_equal(add(fleet->own, "t", "u", "mine", NULL), 0);
        assert_int_equal(remove_one(fleet->own, "t", "a0"), 0);
        fleet->own = store_free(fleet->own);
        assert_int_equal(audit(fleet->directory), LINKS);
        assert_false(exists(fleet->directory, "leaving"));
        assert_true(exists(fleet->directory, "shared/left"));
}

/* Without the log, exchanges that it has are left to the other hosts. */
static void test_away(void **state)
{
        Fleet *fleet = *state;
        Outcome outcome = {};
        Link *link = make_link("alone", "u", 7);
        Left left;

        assert_int_equal(fleet_begin(fleet, 0, NULL), 0);
        memory_cluster_set_reachable(fleet->cluster, false);
        assert_int_equal(fleet_begin(fleet, 0, NULL), 0);
        assert_int_equal(store_commit_exchange(fleet->hosts[0], "t",
                                               &(ExchangeOutcome){.link = link}, on_added, &outcome,
                                               NULL),
                         0);
        wait_for(fleet, &outcome.n_calls);
        assert_int_equal(outcome.r, 0);
        link_free(link);
        left = leave(fleet);
        assert_int_equal(left.r, 0);
        assert_int_equal(left.result.links, LINKS + 1);
        assert_int_equal(left.result.exchanges, 1);
        assert_int_equal(left.result.left, 1);
        assert_int_equal(left.result.unshared, 1);
        assert_false(left.result.is_current || left.result.is_told);
        open_own(fleet);
        assert_string_equal(user_of(fleet->own, "t", "alone"), "u");
        assert_int_equal(n_exchanges(fleet->own), 1);
        memory_cluster_set_reachable(fleet->cluster, true);
        assert_int_equal(memory_cluster_count(fleet->cluster, "exchanges/"), 1);
}

/* The outbox is pushed before the host leaves. */
static void test_outbox(void **state)
{
        Fleet *fleet = *state;
        StoreLeave preview;
        Left left;

        memory_cluster_set_reachable(fleet->cluster, false);
        assert_int_equal(fleet_begin(fleet, 0, NULL), 0);
        memory_cluster_set_reachable(fleet->cluster, true);
        do { /* until the host hears of it */
                step(fleet);
                assert_int_equal(store_shared_preview_leave(fleet->hosts[0], &preview), 0);
        } while (!preview.is_current);
        left = leave(fleet);
        assert_int_equal(left.r, 0);
        assert_int_equal(left.result.exchanges, 1);
        assert_true(left.result.is_current);
        assert_int_equal(memory_cluster_count(fleet->cluster, "exchanges/"), 0);
}

/* The log can be reached again before the host is started with its own store: the exchanges that it
 * has are not pushed. */
static void test_log_is_back(void **state)
{
        Fleet *fleet = *state;
        Left left;

        memory_cluster_set_reachable(fleet->cluster, false);
        assert_int_equal(fleet_begin(fleet, 0, NULL), 0);
        left = leave(fleet);
        assert_int_equal(left.r, 0);
        assert_int_equal(left.result.exchanges, 1);
        memory_cluster_set_reachable(fleet->cluster, true);
        while (fleet_add(fleet, 1, "later") != 0) /* until the other host hears of it */
                step(fleet);
        settle(fleet);
        for (unsigned i = 0; i < 100; i++)
                step(fleet);
        assert_int_equal(memory_cluster_count(fleet->cluster, "exchanges/"), 0);
        open_own(fleet);
        assert_int_equal(n_exchanges(fleet->own), 1);
}

/* A replica that cannot be written may lack changes that were acknowledged. */
static void test_full_disk(void **state)
{
        Fleet *fleet = *state;
        Left left;

        cannot_apply = true;
        assert_int_equal(fleet_add(fleet, 1, "new"), 0);
        left = leave(fleet);
        assert_int_equal(left.r, ERROR_STORE_FULL);
        cannot_apply = false;
        settle(fleet);
        left = leave(fleet);
        assert_int_equal(left.r, 0);
        assert_int_equal(left.result.links, LINKS + 1);
        assert_true(left.result.is_current);
}

static void make_own(const char *directory)
{
        Store *store;

        assert_int_equal(store_open(directory, &store), 0);
        assert_int_equal(add(store, "t", "u", "old", NULL), 0);
        store_free(store);
}

/* The store that make_own() has made, or another one. */
static bool has_old(const char *directory, size_t *ret_n_links)
{
        Store *store;
        bool is_old;

        assert_int_equal(store_open(directory, &store), 0);
        *ret_n_links = count(store, "t");
        is_old = *user_of(store, "t", "old");
        store_free(store);
        return is_old;
}

/* The host is in the shared store, as before. */
static void expect_member(Fleet *fleet, unsigned n)
{
        size_t n_links;
        char id[32];

        snprintf(id, sizeof(id), "after-%u", n);
        assert_int_equal(fleet_add(fleet, 0, id), 0);
        assert_false(exists(fleet->directory, "shared/left"));
        assert_true(has_old(fleet->directory, &n_links));
}

/* Each system call fails in turn: the host leaves, or all is as before. */
static void test_failures(void **state)
{
        Fleet *fleet = *state;
        unsigned n_full = 0, n = 1;
        size_t n_links;
        Left left;

        make_own(fleet->directory);
        for (;; n++) {
                assert_true(n < 100);
                countdown = n;
                left = leave(fleet);
                if (left.r == 0)
                        break;
                assert_true(left.r == ERROR_STORE_FULL || left.r == ERROR_STORE_FAILED);
                n_full += left.r == ERROR_STORE_FULL;
                expect_member(fleet, n);
        }
        assert_true(n_full >= 4);
        fleet->hosts[0] = store_free(fleet->hosts[0]);
        assert_false(has_old(fleet->directory, &n_links));
        assert_int_equal(n_links, LINKS + n - 1);
        assert_true(left.has_kept && has_kept(fleet->directory));
}

/* The clock was set back, or there was a leave in the same second. */
static void test_kept_name_exists(void **state)
{
        Fleet *fleet = *state;
        size_t n_links;
        Left left;

        make_own(fleet->directory);
        for (time_t t = time(NULL), end = t + 300; t < end; t++) {
                char date[] = "20261231T235959Z", name[64];
                struct tm tm;

                assert_non_null(gmtime_r(&t, &tm));
                assert_true(strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &tm) > 0);
                snprintf(name, sizeof(name), "data.mdb.%s", date);
                assert_return_code(close(creat(path_of(fleet, name), 0600)), errno);
        }
        left = leave(fleet);
        assert_int_equal(left.r, ERROR_STORE_FAILED);
        assert_true(has_old(fleet->directory, &n_links));
        expect_member(fleet, 0);
}

#define SURVIVED 7

/* Returns whether the child was killed, at the nth system call of the leave. */
static bool leave_in_child(const char *directory, unsigned n)
{
        int status;
        pid_t pid;

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                Fleet *fleet = fleet_new(directory);

                make_own(directory);
                kills = true;
                countdown = n;
                (void) leave(fleet);
                _exit(SURVIVED);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == SURVIVED);
        return WEXITSTATUS(status) == 0;
}

/* Starts with Engine=etcd, while the log cannot be reached: a host that has left begins no
 * exchange.
 */
static void expect_shared(const char *directory, bool has_left)
{
        Fleet *fleet = calloc(1, sizeof(Fleet));

        assert_non_null(fleet);
        snprintf(fleet->directory, sizeof(fleet->directory), "%s", directory);
        fleet->cluster = memory_cluster_new(1);
        memory_cluster_set_reachable(fleet->cluster, false);
        open_host(fleet, 0, has_left);
        assert_int_equal(count(fleet->hosts[0], "t"), LINKS);
        assert_int_equal(fleet_begin(fleet, 0, NULL), has_left ? ERROR_STORE_FAILED : 0);
        store_free(fleet->hosts[0]);
        memory_cluster_free(fleet->cluster);
        free(fleet);
}

/* The next start, with Engine=etcd and then with Engine=local: the host is a member and has its
 * earlier store, or it has left and has the links. */
static void expect_after_crash(const char *directory, unsigned *n_before, unsigned *n_after)
{
        char mark[80], replica[80];
        size_t n_links;
        bool has_left;

        snprintf(replica, sizeof(replica), "%s/shared", directory);
        snprintf(mark, sizeof(mark), "%s/shared/left", directory);
        assert_int_equal(store_clean_leave(directory, mark), 0);
        assert_false(exists(directory, "leaving"));
        has_left = access(mark, F_OK) == 0;
        assert_int_equal(audit(replica), LINKS);
        expect_shared(directory, has_left);

        assert_int_equal(store_clean_leave(directory, mark), 0);
        assert_int_equal(access(mark, F_OK) == 0, has_left);
        assert_int_equal(has_old(directory, &n_links), !has_left);
        assert_true(!has_left || has_kept(directory));
        assert_int_equal(n_links, has_left ? LINKS : 1);
        *(has_left ? n_after : n_before) += 1;
}

/* The process dies at each system call in turn. */
static void test_crashes(void **state _unused_)
{
        unsigned n_before = 0, n_after = 0;
        bool killed = true;

        for (unsigned n = 1; killed; n++) {
                char directory[64];

                assert_true(n < 100);
                make_directory(directory);
                killed = leave_in_child(directory, n);
                expect_after_crash(directory, &n_before, &n_after);
                remove_tree(directory);
        }
        assert_true(n_before >= 4 && n_after >= 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_leave),     TEST(test_away),
                TEST(test_outbox),    TEST(test_log_is_back),
                TEST(test_full_disk), TEST(test_kept_name_exists),
                TEST(test_failures),  cmocka_unit_test(test_crashes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "daemon/store/answer-table.h"
#include "daemon/store/decision-table.h"
#include "daemon/store/environment.h"
#include "daemon/store/intent-table.h"
#include "daemon/store/store.h"

#define DATA_FILE "data.mdb"
#define LOCK_FILE "lock.mdb"
#define NEW_FILE  "new.mdb"
#define FILE_MODE 0600

/* Room for LMDB's table of readers, and then some. */
#define LOCK_FILE_SIZE 16384

struct Environment {
        char *directory;
        int directory_fd; /* holds the lock; -1: not locked yet */
        MDB_env *mdb;     /* NULL: not open */
        int error;        /* why it is not */
        Schema schema;
        StoreClock clock;
        uint64_t first_id;
        bool has_reserve;     /* the writer's */
        pthread_mutex_t lock; /* held by a read, and to replace or to move the map */
};

static bool disk_has_space(int fd, uint64_t len)
{
        struct statvfs fs;

        return fstatvfs(fd, &fs) < 0 || (uint64_t) fs.f_bavail * fs.f_frsize >= len;
}

/* Allocates a file's first `size` bytes on the disk. What fails leaves it as long as it was. On a
 * full disk the attempt is costly, and is made with each change. */
static int file_reserve(int fd, uint64_t size)
{
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        if ((uint64_t) st.st_size >= size)
                return 0;
        if (!disk_has_space(fd, size - (uint64_t) st.st_size))
                return -ENOSPC;
        do
                r = -posix_fallocate(fd, 0, (off_t) size);
        while (r == -EINTR);
        if (r < 0 && ftruncate(fd, st.st_size) < 0)
                log_warning("Failed to give back disk space: %s", strerror(errno));
        return r;
}

static int lock_directory(Environment *environment)
{
        _cleanup_(closep) int fd = -1;

        if (environment->directory_fd >= 0)
                return 0;
        fd = open(environment->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        environment->directory_fd = TAKE_FD(fd);
        return 0;
}

/* LMDB maps this file and writes to the map: without disk space behind it that is a SIGBUS. */
static int reserve_lock_file(int directory_fd)
{
        _cleanup_(closep) int fd = -1;

        fd = openat(directory_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
        if (fd < 0)
                return -errno;
        return file_reserve(fd, LOCK_FILE_SIZE);
}

static int mdb_new(MDB_env **ret)
{
        _cleanup_(mdb_env_closep) MDB_env *mdb = NULL;
        int r;

        r = mdb_env_create(&mdb);
        if (r == 0)
                r = mdb_env_set_maxdbs(mdb, DATABASE_MAX);
        if (r != 0)
                return lmdb_errno(r);
        *ret = TAKE_PTR(mdb);
        return 0;
}

static int create_file(const char *path)
{
        _cleanup_(mdb_env_closep) MDB_env *mdb = NULL;
        int r;

        r = mdb_new(&mdb);
        if (r < 0)
                return r;
        r = mdb_env_set_mapsize(mdb, ENVIRONMENT_SIZE_INITIAL);
        if (r == 0)
                r = mdb_env_open(mdb, path, MDB_NOSUBDIR | MDB_NOLOCK, FILE_MODE);
        if (r != 0)
                return lmdb_errno(r);
        return schema_create(mdb);
}

/* A store comes into being under another name, so that there is a whole one or none. */
static int environment_create(Environment *environment)
{
        _cleanup_(freep) char *path = NULL;
        int fd = environment->directory_fd, r;
        struct stat st;

        if (fstatat(fd, DATA_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        if (errno != ENOENT)
                return -errno;

        if (asprintf(&path, "%s/" NEW_FILE, environment->directory) < 0)
                return -ENOMEM;
        if (unlinkat(fd, NEW_FILE, 0) < 0 && errno != ENOENT)
                return -errno;
        r = create_file(path);
        if (r < 0) {
                (void) unlinkat(fd, NEW_FILE, 0);
                return r;
        }
        if (renameat(fd, NEW_FILE, fd, DATA_FILE) < 0 || fsync(fd) < 0)
                return -errno;
        return 0;
}

/* LMDB believes its first pages, and reading beyond the end of a mapped file is a SIGBUS. */
static int mdb_check_whole(MDB_env *mdb, int fd, const char *directory, int level)
{
        MDB_envinfo info;
        MDB_stat stat;
        struct stat st;

        mdb_env_info(mdb, &info);
        mdb_env_stat(mdb, &stat);
        if (fstat(fd, &st) < 0)
                return -errno;
        if ((uint64_t) st.st_size / stat.ms_psize > info.me_last_pgno)
                return 0;
        log_at(level, "Failed to open the store in %s: " DATA_FILE " has been cut off", directory);
        return -EMEDIUMTYPE;
}

/* An empty file LMDB would make a database of. */
static int mdb_open_file(MDB_env *mdb, int directory_fd, const char *directory, unsigned flags,
                         int level)
{
        struct stat st;
        int fd, r;

        if (fstatat(directory_fd, DATA_FILE, &st, 0) < 0)
                r = -errno;
        else if (st.st_size == 0)
                r = -EMEDIUMTYPE;
        else
                r = lmdb_errno(mdb_env_open(mdb, directory, MDB_NOTLS | flags, FILE_MODE));
        if (r < 0) {
                log_at(level, "Failed to open the store in %s: %s", directory,
                       r == -EMEDIUMTYPE ? DATA_FILE " is no database" : strerror(-r));
                return r;
        }
        mdb_env_get_fd(mdb, &fd);
        return mdb_check_whole(mdb, fd, directory, level);
}

/* A reader that was killed keeps pages from being used again. Returns how many there were. */
static int mdb_drop_stale_readers(MDB_env *mdb)
{
        int n_dead = 0, r;

        r = mdb_reader_check(mdb, &n_dead);
        if (n_dead > 0)
                log_debug("Dropped %i stale readers of the store", n_dead);
        return r != 0 ? lmdb_errno(r) : n_dead;
}

/* A store of an earlier version is brought to this one; anything else is left as it is. */
static int mdb_upgrade(MDB_env *mdb, const char *directory, int level)
{
        uint32_t version;
        int r;

        r = schema_read_version(mdb, &version);
        if (r < 0 || version != 1)
                return 0; /* schema_load() tells */
        r = schema_upgrade(mdb);
        if (r < 0)
                log_at(level, "Failed to upgrade the store in %s: %s", directory, strerror(-r));
        else
                log_notice("Upgraded the store in %s to schema %u", directory, SCHEMA_VERSION);
        return r;
}

/* The answer that was kept last expires at that time. */
static int last_answer_ms(Txn *txn, uint64_t *ret)
{
        uint64_t expires_at_ms;
        int r;

        r = answer_table_last(txn, &expires_at_ms);
        if (r < 0)
                return r;
        *ret = expires_at_ms > STORE_ANSWER_TTL_MS ? expires_at_ms - STORE_ANSWER_TTL_MS : 0;
        return 0;
}

static int read_clock(Txn *txn, uint64_t *ret_last_id, uint64_t *ret_now_ms)
{
        static const Database databases[] = {DATABASE_INTENTS, DATABASE_DELETES,
                                             DATABASE_DECISIONS};
        uint64_t answer_ms, decision_ms, intent_ms;
        int r;

        *ret_last_id = 0;
        for (size_t i = 0; i < ARRAY_SIZE(databases); i++) {
                uint64_t id;

                r = intent_table_last_id(txn, databases[i], &id);
                if (r < 0)
                        return r;
                if (id > *ret_last_id)
                        *ret_last_id = id;
        }
        r = last_answer_ms(txn, &answer_ms);
        if (r == 0)
                r = decision_table_latest(txn, &decision_ms);
        if (r == 0)
                r = intent_table_latest(txn, &intent_ms);
        if (r < 0)
                return r;
        *ret_now_ms = answer_ms > decision_ms ? answer_ms : decision_ms;
        if (intent_ms > *ret_now_ms)
                *ret_now_ms = intent_ms;
        return 0;
}

/* An environment that is open, but not in use yet. */
typedef struct Opened {
        MDB_env *mdb;
        Schema schema;
        uint64_t last_id;
        uint64_t now_ms;
        bool has_reserve;
} Opened;

static void opened_clear(Opened *opened)
{
        if (opened->mdb)
                mdb_env_close(opened->mdb);
}

static int opened_read_clock(Opened *opened)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        r = txn_begin_read(opened->mdb, &opened->schema, &txn);
        return r < 0 ? r : read_clock(&txn, &opened->last_id, &opened->now_ms);
}

/* A full disk is no reason not to read. */
static bool opened_reserve(const Opened *opened)
{
        MDB_envinfo info;
        int fd;

        mdb_env_get_fd(opened->mdb, &fd);
        mdb_env_info(opened->mdb, &info);
        return file_reserve(fd, info.me_mapsize + ENVIRONMENT_RESERVE) >= 0;
}

/* Opens what is there, and writes nothing before it is known to be ours. */
static int open_file(const Environment *environment, int level, Opened *ret)
{
        _cleanup_(opened_clear) Opened opened = {};
        const char *directory = environment->directory;
        int r;

        r = mdb_new(&opened.mdb);
        if (r >= 0)
                r = mdb_open_file(opened.mdb, environment->directory_fd, directory, 0, level);
        if (r >= 0)
                r = mdb_upgrade(opened.mdb, directory, level);
        if (r >= 0)
                r = schema_load(opened.mdb, directory, level, &opened.schema);
        if (r < 0)
                return r;
        r = opened_read_clock(&opened);
        if (r >= 0)
                r = mdb_drop_stale_readers(opened.mdb);
        if (r < 0) {
                log_at(level, "Failed to read the store in %s: %s", directory, strerror(-r));
                return r;
        }
        opened.has_reserve = opened_reserve(&opened);
        *ret = TAKE(opened, (Opened){});
        return 0;
}

static int environment_prepare(Environment *environment, int level)
{
        int r;

        r = lock_directory(environment);
        if (r < 0) {
                log_at(level, "Failed to lock %s: %s", environment->directory,
                       r == -EBUSY ? "another daemon uses it" : strerror(-r));
                return r;
        }
        r = reserve_lock_file(environment->directory_fd);
        if (r >= 0)
                r = environment_create(environment);
        if (r < 0)
                log_at(level, "Failed to create the store in %s: %s", environment->directory,
                       strerror(-r));
        return r;
}

/* Whoever meets a store that is not open lacks no memory. */
static int lasting_error(int r)
{
        return r == -ENOMEM ? -ENOTRECOVERABLE : r;
}

static void environment_install(Environment *environment, int r, const Opened *opened)
{
        pthread_mutex_lock(&environment->lock);
        environment->error = lasting_error(r);
        if (r == 0) {
                environment->mdb = opened->mdb;
                environment->schema = opened->schema;
                environment->has_reserve = opened->has_reserve;
                store_clock_set(&environment->clock, opened->last_id, opened->now_ms);
                if (environment->first_id == 0)
                        environment->first_id = environment->clock.last_id + 1;
        }
        pthread_mutex_unlock(&environment->lock);
}

/* Readers are not held up meanwhile. What fails is logged once, however often it is tried again. */
static int environment_open(Environment *environment)
{
        int error = environment->error, level = error < 0 ? LOG_DEBUG : LOG_ERR, r;
        Opened opened;

        r = environment_prepare(environment, level);
        if (r >= 0)
                r = open_file(environment, level, &opened);
        environment_install(environment, r, &opened);
        if (r == 0 && error < 0)
                log_notice("Opened the store in %s", environment->directory);
        return r;
}

static int environment_alloc(const char *directory, Environment **ret)
{
        _cleanup_(environment_freep) Environment *environment = calloc(1, sizeof(Environment));

        if (!environment)
                return -ENOMEM;
        environment->directory_fd = -1;
        pthread_mutex_init(&environment->lock, NULL);
        environment->directory = strdup(directory);
        if (!environment->directory)
                return -ENOMEM;
        *ret = TAKE_PTR(environment);
        return 0;
}

int environment_new(const char *directory, Environment **ret)
{
        _cleanup_(environment_freep) Environment *environment = NULL;
        int r;

        r = environment_alloc(directory, &environment);
        if (r == 0)
                r = environment_open(environment);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(environment);
        return 0;
}

int environment_new_later(const char *directory, Environment **ret)
{
        _cleanup_(environment_freep) Environment *environment = NULL;
        int r;

        r = environment_alloc(directory, &environment);
        if (r == 0)
                r = environment_open(environment);
        if (r == -EBUSY || r == -ENOMEM)
                return r;
        *ret = TAKE_PTR(environment);
        return 0;
}

Environment *environment_free(Environment *environment)
{
        if (!environment)
                return NULL;
        if (environment->mdb)
                mdb_env_close(environment->mdb);
        closep(&environment->directory_fd);
        pthread_mutex_destroy(&environment->lock);
        free(environment->directory);
        free(environment);
        return NULL;
}

int environment_error(Environment *environment)
{
        int r;

        pthread_mutex_lock(&environment->lock);
        r = environment->mdb ? 0 : environment->error;
        pthread_mutex_unlock(&environment->lock);
        return r;
}

uint64_t environment_first_id(Environment *environment)
{
        uint64_t id;

        pthread_mutex_lock(&environment->lock);
        id = environment->first_id;
        pthread_mutex_unlock(&environment->lock);
        return id;
}

int environment_begin_read(Environment *environment, Txn *ret)
{
        int r;

        pthread_mutex_lock(&environment->lock);
        r = environment->mdb ? txn_begin_read(environment->mdb, &environment->schema, ret)
                             : environment->error;
        if (r < 0) {
                pthread_mutex_unlock(&environment->lock);
                return r;
        }
        ret->clock = &environment->clock;
        ret->lock = &environment->lock;
        return 0;
}

int environment_begin_write(Environment *environment, Txn *ret)
{
        int r;

        if (!environment->mdb)
                return -ENOTRECOVERABLE;
        r = txn_begin_write(environment->mdb, &environment->schema, ret);
        if (r == 0)
                ret->clock = &environment->clock;
        return r;
}

static size_t environment_size(const Environment *environment)
{
        MDB_envinfo info;

        mdb_env_info(environment->mdb, &info);
        return info.me_mapsize;
}

static void environment_close(Environment *environment, int error)
{
        mdb_env_close(TAKE_PTR(environment->mdb));
        environment->error = lasting_error(error);
}

static int environment_map(Environment *environment, size_t size)
{
        int r;

        pthread_mutex_lock(&environment->lock);
        r = mdb_env_set_mapsize(environment->mdb, size);
        if (r != 0) { /* the old map is gone, and there is no new one */
                log_error("Failed to map %zu bytes of the store: %s", size, strerror(r));
                environment_close(environment, -r);
        }
        pthread_mutex_unlock(&environment->lock);
        return r == 0 ? 0 : -EXFULL;
}

static int environment_reserve(Environment *environment, size_t size)
{
        int fd;

        mdb_env_get_fd(environment->mdb, &fd);
        return file_reserve(fd, size + ENVIRONMENT_RESERVE);
}

/* Without the space on the disk nothing changes. */
static int environment_resize(Environment *environment, size_t size)
{
        int r;

        r = environment_reserve(environment, size);
        if (r < 0)
                return r;
        environment->has_reserve = true;
        return environment_map(environment, size);
}

int environment_grow(Environment *environment)
{
        size_t page = (size_t) sysconf(_SC_PAGESIZE), old;
        int r;

        if (mdb_drop_stale_readers(environment->mdb) > 0)
                return 0;
        old = environment_size(environment);
        if (old > SIZE_MAX / 2)
                return -EXFULL;

        /* Where there is no room for twice as much, a little more may do for now. */
        r = environment_resize(environment, old * 2);
        if (r < 0 && r != -EXFULL)
                r = environment_resize(environment, old + (old / 8 + page - 1) / page * page);
        return r;
}

bool environment_has_reserve(Environment *environment)
{
        if (!environment->has_reserve && environment->mdb)
                environment->has_reserve =
                        environment_reserve(environment, environment_size(environment)) >= 0;
        return environment->has_reserve;
}

/* LMDB keeps the pages that are free, in the map, in a database of its own: each record begins with
 * how many pages it lists. */
static int count_free_pages(MDB_env *mdb, size_t *ret)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        _cleanup_(txn_end) Txn txn = {};
        MDB_val key, value;
        size_t n = 0;
        int r;

        r = txn_begin_read(mdb, NULL, &txn);
        if (r == 0)
                r = lmdb_errno(mdb_cursor_open(txn.mdb, 0, &cursor));
        if (r < 0)
                return r;
        while ((r = cursor_get(cursor, MDB_NEXT, &key, &value)) == 0) {
                size_t n_pages;

                memcpy(&n_pages, value.mv_data, sizeof(n_pages));
                n += n_pages;
        }
        if (r != -ENOENT)
                return r;
        *ret = n;
        return 0;
}

bool environment_has_room(Environment *environment)
{
        size_t n_free, page = (size_t) sysconf(_SC_PAGESIZE);
        MDB_envinfo info;

        if (!environment->mdb || count_free_pages(environment->mdb, &n_free) < 0)
                return false;
        mdb_env_info(environment->mdb, &info);
        n_free += info.me_mapsize / page - (info.me_last_pgno + 1);
        return n_free * page >= ENVIRONMENT_RESERVE + ENVIRONMENT_RESERVE / 4;
}

int environment_use_reserve(Environment *environment)
{
        if (!environment->has_reserve)
                return -EXFULL;
        environment->has_reserve = false;
        return environment_map(environment, environment_size(environment) + ENVIRONMENT_RESERVE);
}

/* Whether it works. If not, it is closed. */
static bool environment_is_usable(Environment *environment)
{
        _cleanup_(txn_end) Txn txn = {};

        if (environment_begin_read(environment, &txn) >= 0)
                return true;
        pthread_mutex_lock(&environment->lock);
        txn.lock = &environment->lock;
        if (environment->mdb)
                environment_close(environment, -ENOTRECOVERABLE);
        return false;
}

int environment_recover(Environment *environment)
{
        int r;

        if (environment_is_usable(environment))
                return 0;
        r = environment_open(environment);
        return r < 0 ? r : 1;
}

int environment_open_beside(const char *directory, MDB_env **ret)
{
        _cleanup_(mdb_env_closep) MDB_env *mdb = NULL;
        _cleanup_(closep) int directory_fd = -1;
        int r;

        directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = directory_fd < 0 ? -errno : 0;
        if (r == 0 && faccessat(directory_fd, DATA_FILE, R_OK, 0) < 0)
                r = -errno;
        if (r == 0)
                r = reserve_lock_file(directory_fd);
        if (r == 0)
                r = mdb_new(&mdb);
        if (r < 0) {
                log_error("Failed to open the store in %s: %s", directory, strerror(-r));
                return r;
        }
        r = mdb_open_file(mdb, directory_fd, directory, MDB_RDONLY, LOG_ERR);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(mdb);
        return 0;
}

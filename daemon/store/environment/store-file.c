/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "daemon/store/environment/environment.h"
#include "daemon/store/environment/store-file.h"
#include "daemon/store/store.h"
#include "daemon/store/tables/idempotency-table.h"
#include "daemon/store/tables/intent-table.h"
#include "daemon/store/tables/meta-table.h"
#include "daemon/store/tables/tombstone-table.h"

#define DATA_FILE "data.mdb"
#define LOCK_FILE "lock.mdb"
#define NEW_FILE  "new.mdb"
#define FILE_MODE 0600

/* More than LMDB's reader table needs. */
#define LOCK_FILE_SIZE 16384

static bool disk_has_space(int fd, uint64_t len)
{
        struct statvfs fs;

        return fstatvfs(fd, &fs) < 0 || (uint64_t) fs.f_bavail * fs.f_frsize >= len;
}

int store_file_reserve(int fd, uint64_t size)
{
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return log_errno_origin(-errno);
        if ((uint64_t) st.st_size >= size)
                return 0;
        if (!disk_has_space(fd, size - (uint64_t) st.st_size))
                return -ENOSPC;
        do
                r = -posix_fallocate(fd, 0, (off_t) size);
        while (r == -EINTR);
        if (r < 0 && ftruncate(fd, st.st_size) < 0)
                log_warning("Failed to release disk space: %s", strerror(errno));
        return r;
}

int store_file_lock(const char *directory, int *directory_fd)
{
        _cleanup_(closep) int fd = -1;

        if (*directory_fd >= 0)
                return 0;
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return log_errno_origin(-errno);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : log_errno_origin(-errno);
        *directory_fd = TAKE_FD(fd);
        return 0;
}

/* Preallocates the lock file: LMDB writes to a memory map of it, and without disk space a write is
 * a SIGBUS. */
static int reserve_lock_file(int directory_fd)
{
        _cleanup_(closep) int fd = -1;

        fd = openat(directory_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
        if (fd < 0)
                return log_errno_origin(-errno);
        return store_file_reserve(fd, LOCK_FILE_SIZE);
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
        r = mdb_env_set_mapsize(mdb, STORE_FILE_SIZE_INITIAL);
        if (r == 0)
                r = mdb_env_open(mdb, path, MDB_NOSUBDIR | MDB_NOLOCK, FILE_MODE);
        if (r != 0)
                return lmdb_errno(r);
        return schema_upgrade(mdb, 0);
}

/* Creates the store under a temporary name, and renames it when it is complete. */
static int create_store(const char *directory, int directory_fd)
{
        _cleanup_(freep) char *path = NULL;
        struct stat st;
        int r;

        if (fstatat(directory_fd, DATA_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        if (errno != ENOENT)
                return log_errno_origin(-errno);

        if (asprintf(&path, "%s/" NEW_FILE, directory) < 0)
                return -ENOMEM;
        if (unlinkat(directory_fd, NEW_FILE, 0) < 0 && errno != ENOENT)
                return log_errno_origin(-errno);
        r = create_file(path);
        if (r < 0) {
                (void) unlinkat(directory_fd, NEW_FILE, 0);
                return r;
        }
        if (renameat(directory_fd, NEW_FILE, directory_fd, DATA_FILE) < 0 ||
            fsync(directory_fd) < 0)
                return log_errno_origin(-errno);
        return 0;
}

/* Refuses a truncated file: LMDB trusts the header, and a read beyond the end of a mapped file is a
 * SIGBUS. */
static int mdb_check_whole(MDB_env *mdb, int fd, const char *directory, int level)
{
        MDB_envinfo info;
        MDB_stat stat;
        struct stat st;

        mdb_env_info(mdb, &info);
        mdb_env_stat(mdb, &stat);
        if (fstat(fd, &st) < 0)
                return log_errno_origin(-errno);
        if ((uint64_t) st.st_size / stat.ms_psize > info.me_last_pgno)
                return 0;
        log_at(level, "Failed to open the store in %s: " DATA_FILE " is truncated", directory);
        return -EMEDIUMTYPE;
}

/* Refuses an empty file, in which LMDB would create a database. */
static int mdb_open_file(MDB_env *mdb, int directory_fd, const char *directory, unsigned flags,
                         int level)
{
        struct stat st;
        int fd, r;

        if (fstatat(directory_fd, DATA_FILE, &st, 0) < 0)
                r = log_errno_origin(-errno);
        else if (st.st_size == 0)
                r = -EMEDIUMTYPE;
        else
                r = lmdb_errno(mdb_env_open(mdb, directory, MDB_NOTLS | flags, FILE_MODE));
        if (r < 0) {
                log_at(level, "Failed to open the store in %s: %s", directory,
                       r == -EMEDIUMTYPE ? DATA_FILE " is not an LMDB file" : strerror(-r));
                return r;
        }
        mdb_env_get_fd(mdb, &fd);
        return mdb_check_whole(mdb, fd, directory, level);
}

int mdb_drop_stale_readers(MDB_env *mdb)
{
        int n_dead = 0, r;

        r = mdb_reader_check(mdb, &n_dead);
        if (n_dead > 0)
                log_debug("Dropped %i stale readers of the store", n_dead);
        return r != 0 ? lmdb_errno(r) : n_dead;
}

size_t mdb_map_size(MDB_env *mdb)
{
        MDB_envinfo info;

        mdb_env_info(mdb, &info);
        return info.me_mapsize;
}

int mdb_reserve(MDB_env *mdb, size_t map_size)
{
        int fd;

        mdb_env_get_fd(mdb, &fd);
        return store_file_reserve(fd, map_size + STORE_FILE_RESERVE);
}

/* Upgrades a full store in the reserve. */
static int mdb_upgrade_in_reserve(MDB_env *mdb, uint32_t version)
{
        size_t size = mdb_map_size(mdb);
        int r;

        r = mdb_reserve(mdb, size);
        if (r == 0)
                r = lmdb_errno(mdb_env_set_mapsize(mdb, size + STORE_FILE_RESERVE));
        return r < 0 ? r : schema_upgrade(mdb, version);
}

/* Upgrades a store of an earlier schema version; leaves any other file unchanged. */
static int mdb_upgrade(MDB_env *mdb, const char *directory, int level)
{
        uint32_t version;
        int r;

        r = schema_read_version(mdb, &version);
        if (r < 0 || version == 0 || version >= SCHEMA_VERSION)
                return 0; /* schema_load() reports the error */
        r = schema_upgrade(mdb, version);
        if (r == -EXFULL)
                r = mdb_upgrade_in_reserve(mdb, version);
        if (r < 0)
                log_at(level, "Failed to upgrade the store in %s: %s", directory, strerror(-r));
        else
                log_notice("Upgraded the store in %s to schema %u", directory, SCHEMA_VERSION);
        return r;
}

/* Gets the time of the latest idempotency record, from its expiry time. */
static int last_answer_ms(Txn *txn, uint64_t *ret)
{
        uint64_t expires_at_ms;
        int r;

        r = idempotency_table_last(txn, &expires_at_ms);
        if (r < 0)
                return r;
        *ret = expires_at_ms > STORE_IDEMPOTENCY_TTL_MS ? expires_at_ms - STORE_IDEMPOTENCY_TTL_MS
                                                        : 0;
        return 0;
}

/* Gets the latest time on disk. */
static int read_time(Txn *txn, uint64_t *ret_ms)
{
        uint64_t times_ms[4];
        int r;

        r = last_answer_ms(txn, &times_ms[0]);
        if (r == 0)
                r = tombstone_table_latest(txn, &times_ms[1]);
        if (r == 0)
                r = intent_table_latest(txn, &times_ms[2]);
        if (r == 0)
                r = meta_table_get_time(txn, META_CLOCK, &times_ms[3]);
        if (r < 0)
                return r;
        *ret_ms = 0;
        for (size_t i = 0; i < ARRAY_SIZE(times_ms); i++)
                if (times_ms[i] > *ret_ms)
                        *ret_ms = times_ms[i];
        return 0;
}

static int read_clock(Txn *txn, uint64_t *ret_last_id, uint64_t *ret_now_ms)
{
        static const Database databases[] = {DATABASE_INTENTS, DATABASE_DELETES,
                                             DATABASE_TOMBSTONES};
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
        /* A damaged key: ids begin at 1, and would overflow. */
        if (*ret_last_id > INT64_MAX)
                return -EMEDIUMTYPE;
        return read_time(txn, ret_now_ms);
}

void store_file_clear(StoreFile *file)
{
        if (file->mdb)
                mdb_env_close(file->mdb);
}

static int file_read_clock(StoreFile *file)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        r = txn_begin(file->mdb, &file->schema, MDB_RDONLY, &txn);
        return r < 0 ? r : read_clock(&txn, &file->last_id, &file->now_ms);
}

/* Writes nothing before the file is known to be a store. */
int store_file_open(const char *directory, int directory_fd, int level, StoreFile *ret)
{
        _cleanup_(store_file_clear) StoreFile file = {};
        int r;

        r = mdb_new(&file.mdb);
        if (r >= 0)
                r = mdb_open_file(file.mdb, directory_fd, directory, 0, level);
        if (r >= 0)
                r = mdb_upgrade(file.mdb, directory, level);
        if (r >= 0)
                r = schema_load(file.mdb, directory, level, &file.schema);
        if (r < 0)
                return r;
        r = file_read_clock(&file);
        if (r >= 0)
                r = mdb_drop_stale_readers(file.mdb);
        if (r < 0) {
                log_at(level, "Failed to read the store in %s: %s", directory, strerror(-r));
                return r;
        }
        /* Ignore a failure: a store on a full disk can be read. */
        file.has_reserve = mdb_reserve(file.mdb, mdb_map_size(file.mdb)) >= 0;
        *ret = TAKE(file, (StoreFile){});
        return 0;
}

int store_file_prepare(const char *directory, int level, int *directory_fd)
{
        int r;

        r = store_file_lock(directory, directory_fd);
        if (r < 0) {
                log_at(level, "Failed to lock %s: %s", directory,
                       r == -EBUSY ? "in use by another process" : strerror(-r));
                return r;
        }
        r = reserve_lock_file(*directory_fd);
        if (r >= 0)
                r = create_store(directory, *directory_fd);
        if (r < 0)
                log_at(level, "Failed to create the store in %s: %s", directory, strerror(-r));
        return r;
}

int store_file_replace(int directory_fd, const char *from_directory)
{
        _cleanup_(closep) int from_fd = open(from_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (from_fd < 0)
                return log_errno_origin(-errno);
        /* The lock file has the number of the last transaction. */
        if (unlinkat(directory_fd, LOCK_FILE, 0) < 0 && errno != ENOENT)
                return log_errno_origin(-errno);
        if (renameat(from_fd, DATA_FILE, directory_fd, DATA_FILE) < 0 || fsync(directory_fd) < 0)
                return log_errno_origin(-errno);
        return 0;
}

int store_file_open_beside(const char *directory, MDB_env **ret)
{
        _cleanup_(mdb_env_closep) MDB_env *mdb = NULL;
        _cleanup_(closep) int directory_fd = -1;
        int r;

        directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = directory_fd < 0 ? log_errno_origin(-errno) : 0;
        if (r == 0 && faccessat(directory_fd, DATA_FILE, R_OK, 0) < 0)
                r = log_errno_origin(-errno);
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

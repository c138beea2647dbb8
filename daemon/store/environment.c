/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/log.h"
#include "daemon/store/environment.h"

#define DATA_FILE "data.mdb"
#define LOCK_FILE "lock.mdb"
#define NEW_FILE  "new.mdb"
#define FILE_MODE 0600

/* Room for LMDB's table of readers, and then some. */
#define LOCK_FILE_SIZE 16384

struct Environment {
        char *directory;
        int directory_fd; /* holds the lock */
        MDB_env *mdb;     /* NULL if it could not be opened anew */
        Schema schema;
        pthread_mutex_t lock; /* held by a read, and to replace or to move the map */
};

/* Allocates a file's first `size` bytes on the disk. What fails leaves it as long as it was. */
static int file_reserve(int fd, uint64_t size)
{
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        if ((uint64_t) st.st_size >= size)
                return 0;
        do
                r = -posix_fallocate(fd, 0, (off_t) size);
        while (r == -EINTR);
        if (r < 0 && ftruncate(fd, st.st_size) < 0)
                log_warning("Cannot give back disk space: %s", strerror(errno));
        return r;
}

static int lock_directory(const char *directory, int *ret)
{
        _cleanup_(closep) int fd = -1;

        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        *ret = TAKE_FD(fd);
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
static int mdb_check_whole(MDB_env *mdb, int fd, const char *directory)
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
        log_error("The store in %s has been cut off", directory);
        return -EMEDIUMTYPE;
}

/* An empty file LMDB would make a database of. */
static int mdb_open_file(MDB_env *mdb, int directory_fd, const char *directory, unsigned flags)
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
                log_error("Cannot open the store in %s: %s", directory,
                          r == -EMEDIUMTYPE ? DATA_FILE " is no database" : strerror(-r));
                return r;
        }
        mdb_env_get_fd(mdb, &fd);
        return mdb_check_whole(mdb, fd, directory);
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

/* Opens what is there, and writes nothing before it is known to be ours. */
static int environment_open(Environment *environment)
{
        _cleanup_(mdb_env_closep) MDB_env *mdb = NULL;
        MDB_envinfo info;
        int fd, r;

        r = mdb_new(&mdb);
        if (r < 0)
                return r;
        r = mdb_open_file(mdb, environment->directory_fd, environment->directory, 0);
        if (r < 0)
                return r;
        r = schema_load(mdb, environment->directory, &environment->schema);
        if (r < 0)
                return r;

        mdb_env_get_fd(mdb, &fd);
        mdb_env_info(mdb, &info);
        r = file_reserve(fd, info.me_mapsize);
        if (r >= 0)
                r = mdb_drop_stale_readers(mdb);
        if (r < 0) {
                log_error("Cannot use the store in %s: %s", environment->directory, strerror(-r));
                return r;
        }
        environment->mdb = TAKE_PTR(mdb);
        return 0;
}

int environment_new(const char *directory, Environment **ret)
{
        _cleanup_(environment_freep) Environment *environment = calloc(1, sizeof(Environment));
        int r;

        if (!environment)
                return -ENOMEM;
        environment->directory_fd = -1;
        pthread_mutex_init(&environment->lock, NULL);
        environment->directory = strdup(directory);
        if (!environment->directory)
                return -ENOMEM;

        r = lock_directory(directory, &environment->directory_fd);
        if (r < 0) {
                log_error("Cannot lock %s: %s", directory,
                          r == -EBUSY ? "another daemon uses it" : strerror(-r));
                return r;
        }
        r = reserve_lock_file(environment->directory_fd);
        if (r >= 0)
                r = environment_create(environment);
        if (r < 0) {
                log_error("Cannot create the store in %s: %s", directory, strerror(-r));
                return r;
        }
        r = environment_open(environment);
        if (r < 0)
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

int environment_begin_read(Environment *environment, Txn *ret)
{
        int r;

        pthread_mutex_lock(&environment->lock);
        r = environment->mdb ? txn_begin_read(environment->mdb, &environment->schema, ret)
                             : -ENOTRECOVERABLE;
        if (r < 0)
                pthread_mutex_unlock(&environment->lock);
        else
                ret->lock = &environment->lock;
        return r;
}

int environment_begin_write(Environment *environment, Txn *ret)
{
        if (!environment->mdb)
                return -ENOTRECOVERABLE;
        return txn_begin_write(environment->mdb, &environment->schema, ret);
}

/* Without the space on the disk nothing changes. */
static int environment_resize(Environment *environment, size_t size)
{
        int fd, r;

        mdb_env_get_fd(environment->mdb, &fd);
        r = file_reserve(fd, size);
        if (r < 0)
                return r;

        pthread_mutex_lock(&environment->lock);
        r = mdb_env_set_mapsize(environment->mdb, size);
        if (r != 0) { /* the old map is gone, and there is no new one */
                mdb_env_close(TAKE_PTR(environment->mdb));
                log_error("Cannot map %zu bytes of the store: %s", size, strerror(r));
        }
        pthread_mutex_unlock(&environment->lock);
        return r == 0 ? 0 : -EXFULL;
}

int environment_grow(Environment *environment)
{
        size_t page = (size_t) sysconf(_SC_PAGESIZE), old;
        MDB_envinfo info;
        int r;

        if (mdb_drop_stale_readers(environment->mdb) > 0)
                return 0;
        mdb_env_info(environment->mdb, &info);
        old = info.me_mapsize;
        if (old > SIZE_MAX / 2)
                return -EXFULL;

        /* Where there is no room for twice as much, a little more may do for now. */
        r = environment_resize(environment, old * 2);
        if (r < 0 && r != -EXFULL)
                r = environment_resize(environment, old + (old / 8 + page - 1) / page * page);
        return r;
}

int environment_recover(Environment *environment)
{
        _cleanup_(txn_end) Txn txn = {};

        if (environment_begin_read(environment, &txn) >= 0)
                return 0;

        pthread_mutex_lock(&environment->lock);
        txn.lock = &environment->lock;
        if (environment->mdb)
                mdb_env_close(TAKE_PTR(environment->mdb));
        return environment_open(environment);
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
                log_error("Cannot open the store in %s: %s", directory, strerror(-r));
                return r;
        }
        r = mdb_open_file(mdb, directory_fd, directory, MDB_RDONLY);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(mdb);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdatomic.h>

#include "base/log.h"
#include "daemon/store/environment/environment.h"
#include "daemon/store/environment/store-file.h"

struct Environment {
        char *directory;
        int directory_fd; /* holds the lock; -1: not locked */
        MDB_env *mdb;     /* NULL: not open */
        int error;        /* why the environment is closed; 0: open */
        Schema schema;
        StoreClock clock;
        uint64_t first_id;
        atomic_bool has_reserve; /* written by the writer thread */
        pthread_mutex_t lock;    /* held while reading, and to replace or move the map */
        MDB_txn *reader;         /* between reads: of the last one; NULL: none */
        TenancyCache tenancies;  /* of `mdb`, for reads */
};

/* ENOMEM is transient: later callers must not get it. */
static int lasting_error(int r)
{
        return r == -ENOMEM ? -ENOTRECOVERABLE : r;
}

static void environment_close(Environment *environment, int error)
{
        if (environment->reader)
                mdb_txn_abort(TAKE_PTR(environment->reader));
        tenancy_cache_clear(&environment->tenancies);
        mdb_env_close(TAKE_PTR(environment->mdb));
        environment->error = lasting_error(error);
}

/* With the lock held. */
static void environment_install(Environment *environment, int r, const StoreFile *file)
{
        assert(r <= 0);
        assert(!environment->mdb); /* closed before it is opened again */
        environment->error = lasting_error(r);
        if (r == 0) {
                environment->mdb = file->mdb;
                environment->schema = file->schema;
                environment->has_reserve = file->has_reserve;
                store_clock_set(&environment->clock, file->last_id, file->now_ms);
                if (environment->first_id == 0)
                        environment->first_id = environment->clock.last_id + 1;
        }
}

/* Does not block readers. A repeated failure is logged once. */
static int environment_open(Environment *environment)
{
        int error = environment->error, level = error < 0 ? LOG_DEBUG : LOG_ERR, r;
        StoreFile file;

        r = store_file_prepare(environment->directory, level, &environment->directory_fd);
        if (r >= 0)
                r = store_file_open(environment->directory, environment->directory_fd, level,
                                    &file);
        pthread_mutex_lock(&environment->lock);
        environment_install(environment, r, &file);
        pthread_mutex_unlock(&environment->lock);
        if (r == 0 && error < 0)
                log_notice("Opened the store in %s", environment->directory);
        return r;
}

int environment_new(const char *directory, bool or_later, Environment **ret)
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
        r = environment_open(environment);
        if (r < 0 && (!or_later || r == -EBUSY || r == -ENOMEM))
                return r;
        *ret = TAKE_PTR(environment);
        return 0;
}

Environment *environment_free(Environment *environment)
{
        if (!environment)
                return NULL;
        if (environment->mdb)
                environment_close(environment, -ENOTRECOVERABLE);
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
        r = environment->mdb
                    ? txn_renew(environment->mdb, &environment->schema, &environment->reader, ret)
                    : environment->error;
        if (r < 0) {
                pthread_mutex_unlock(&environment->lock);
                return r;
        }
        ret->clock = &environment->clock;
        ret->tenancies = &environment->tenancies;
        ret->lock = &environment->lock;
        return 0;
}

int environment_begin_write(Environment *environment, Txn *ret)
{
        int r;

        if (!environment->mdb)
                return -ENOTRECOVERABLE;
        r = txn_begin(environment->mdb, &environment->schema, 0, ret);
        if (r == 0)
                ret->clock = &environment->clock;
        return r;
}

int environment_set_durable(Environment *environment, bool durable)
{
        return environment->mdb
                       ? lmdb_errno(mdb_env_set_flags(environment->mdb, MDB_NOSYNC, !durable))
                       : -ENOTRECOVERABLE;
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

/* Changes nothing if the disk space cannot be allocated. */
static int environment_resize(Environment *environment, size_t size)
{
        int r;

        r = mdb_reserve(environment->mdb, size);
        if (r < 0)
                return r;
        environment->has_reserve = true;
        return environment_map(environment, size);
}

#define GROWTH_MIN (512U * 1024U)

static size_t growth_round(size_t size)
{
        size_t page = (size_t) sysconf(_SC_PAGESIZE);

        return (size + page - 1) / page * page;
}

/* An eighth: the file stays at most a quarter larger than the data, with the pages that are free
 * between two transactions. */
static size_t growth_step(size_t map_size)
{
        size_t step = map_size / 8;

        return growth_round(step > STORE_FILE_SIZE_INITIAL ? step : STORE_FILE_SIZE_INITIAL);
}

int environment_grow(Environment *environment)
{
        size_t old, step;
        int r;

        assert(environment->mdb);
        if (mdb_drop_stale_readers(environment->mdb) > 0)
                return 0;
        old = mdb_map_size(environment->mdb);
        if (old > SIZE_MAX / 2)
                return -EXFULL;

        /* Half of the step where the disk is too full. */
        for (step = growth_step(old);; step = growth_round(step / 2)) {
                r = environment_resize(environment, old + step);
                if (r >= 0 || r == -EXFULL || step / 2 < GROWTH_MIN)
                        return r;
        }
}

bool environment_has_reserve(Environment *environment)
{
        if (!environment->has_reserve && environment->mdb)
                environment->has_reserve =
                        mdb_reserve(environment->mdb, mdb_map_size(environment->mdb)) >= 0;
        return environment->has_reserve;
}

bool environment_had_reserve(const Environment *environment)
{
        return environment->has_reserve;
}

/* LMDB keeps free pages in database 0: each record begins with its number of pages. */
static int count_free_pages(MDB_env *mdb, size_t *ret)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        _cleanup_(txn_end) Txn txn = {};
        MDB_val key, value;
        size_t n = 0;
        int r;

        r = txn_begin(mdb, NULL, MDB_RDONLY, &txn);
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
        size_t n_free = 0, page = (size_t) sysconf(_SC_PAGESIZE);
        MDB_envinfo info;

        if (!environment->mdb || count_free_pages(environment->mdb, &n_free) < 0)
                return false;
        mdb_env_info(environment->mdb, &info);
        n_free += info.me_mapsize / page - (info.me_last_pgno + 1);
        return n_free * page >= STORE_FILE_RESERVE + STORE_FILE_RESERVE / 4;
}

int environment_use_reserve(Environment *environment)
{
        assert(environment->mdb);
        if (!environment->has_reserve)
                return -EXFULL;
        environment->has_reserve = false;
        return environment_map(environment, mdb_map_size(environment->mdb) + STORE_FILE_RESERVE);
}

void environment_release_memory(Environment *environment)
{
        StoreFile file;
        int r;

        pthread_mutex_lock(&environment->lock);
        if (environment->mdb) {
                environment_close(environment, -ENOTRECOVERABLE);
                r = store_file_open(environment->directory, environment->directory_fd, LOG_ERR,
                                    &file);
                environment_install(environment, r, &file);
        }
        pthread_mutex_unlock(&environment->lock);
}

const char *environment_directory(const Environment *environment)
{
        return environment->directory;
}

int environment_replace(Environment *environment, const char *from_directory)
{
        StoreFile file;
        int r;

        pthread_mutex_lock(&environment->lock);
        if (environment->mdb)
                environment_close(environment, -ENOTRECOVERABLE);
        r = store_file_replace(environment->directory_fd, from_directory);
        if (r == 0)
                r = store_file_open(environment->directory, environment->directory_fd, LOG_ERR,
                                    &file);
        environment_install(environment, r, &file);
        pthread_mutex_unlock(&environment->lock);
        return r;
}

/* Closes an environment that cannot begin a transaction. */
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

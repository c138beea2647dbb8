/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/lmdb/txn.h"

/*
 * The files of a store: `data.mdb` and `lock.mdb` in a directory that one process locks. Creation
 * is atomic; an earlier version is upgraded; a foreign or truncated file is left unchanged.
 */

/* Initial file size. */
#define STORE_FILE_SIZE_INITIAL (4U * 1024U * 1024U)

/* Preallocated behind the map: several times what the largest removal step changes. */
#define STORE_FILE_RESERVE (2U * 1024U * 1024U)

/* An open store and the start values of its clock. */
typedef struct StoreFile {
        MDB_env *mdb;
        Schema schema;
        uint64_t last_id;
        uint64_t now_ms;
        bool has_reserve;
} StoreFile;

void store_file_clear(StoreFile *file);

/* Preallocates the first `size` bytes of a file; a failure keeps its length. Returns 0 or a
 * negative errno. */
int store_file_reserve(int fd, uint64_t size);

/* Locks the directory, unless *directory_fd holds the lock. Returns 0, -EBUSY or another negative
 * errno. */
int store_file_lock(const char *directory, int *directory_fd);

/* Locks the directory, unless *directory_fd holds the lock, and creates a store if there is
 * none. Logs a failure at `level`: -EBUSY if another process holds the lock, or another
 * negative errno. */
int store_file_prepare(const char *directory, int level, int *directory_fd);

/* Opens the store. Logs a failure at `level`: -EMEDIUMTYPE for a foreign file, or another negative
 * errno. */
int store_file_open(const char *directory, int directory_fd, int level, StoreFile *ret);

/* Moves the data of another directory to this one, and replaces its own. Nobody may have either
 * open, but for readers that keep the replaced file. Returns 0 or a negative errno. */
int store_file_replace(int directory_fd, const char *from_directory);

/* Opens an existing store read-only, beside the process that owns it. Logs a failure. Reads return
 * -ENOTRECOVERABLE if the owner enlarged the map. */
int store_file_open_beside(const char *directory, MDB_env **ret);
DEFINE_CLEANUP(MDB_env *, mdb_env_close);

/* Drops readers that were killed, which block the reuse of pages. Returns their number or a
 * negative errno. */
int mdb_drop_stale_readers(MDB_env *mdb);

size_t mdb_map_size(MDB_env *mdb);
/* Preallocates a map of this size and the reserve behind it; a failure keeps the length of the
 * file. Returns 0 or a negative errno. */
int mdb_reserve(MDB_env *mdb, size_t map_size);

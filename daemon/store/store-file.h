/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/txn.h"

/*
 * The files of a store: `data.mdb` and `lock.mdb`, in a directory that one process locks. A store
 * is created whole or not at all; one of an earlier version is upgraded; and what is not ours, or
 * has been cut off, is left as it is.
 */

/* What a new store takes on the disk. */
#define STORE_FILE_SIZE_INITIAL (4U * 1024U * 1024U)

/* What is allocated behind the map: as much as the largest step of a removal changes, several
 * times. */
#define STORE_FILE_RESERVE (2U * 1024U * 1024U)

/* An open store, and what its clock is to go on from. */
typedef struct StoreFile {
        MDB_env *mdb;
        Schema schema;
        uint64_t last_id;
        uint64_t now_ms;
        bool has_reserve;
} StoreFile;

void store_file_clear(StoreFile *file);

/* Locks the directory, unless *directory_fd holds it already, and creates a store in it if there is
 * none. Failures are logged at that level: -EBUSY if another process has the lock, or another
 * negative errno. */
int store_file_prepare(const char *directory, int level, int *directory_fd);

/* Opens the store. Failures are logged at that level: -EMEDIUMTYPE for a file that is not ours, or
 * another negative errno. */
int store_file_open(const char *directory, int directory_fd, int level, StoreFile *ret);

/*
 * Opens the store in a directory to read from it, beside the process whose store it is, if there is
 * one. Logs why it fails. -ENOTRECOVERABLE from what is read then says that the other one has made
 * the map larger since.
 */
int store_file_open_beside(const char *directory, MDB_env **ret);
DEFINE_CLEANUP(MDB_env *, mdb_env_close);

/* A reader that was killed keeps pages from being used again. Returns how many there were, or a
 * negative errno. */
int mdb_drop_stale_readers(MDB_env *mdb);

/* Allocates a file's first `size` bytes on the disk. What fails leaves it as long as it was. On a
 * full disk the attempt is costly, and is made with each change. Returns 0 or a negative errno. */
int file_reserve(int fd, uint64_t size);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/lmdb/txn.h"

/*
 * The LMDB environment: `data.mdb` and `lock.mdb` in a directory that one process locks.
 *
 * Disk space for the whole map is preallocated when the map is created or grows. So ENOSPC is
 * detected before anything is written, and a file that ends before its last used page is truncated.
 *
 * A reserve is preallocated behind the map for changes that revoke access: LMDB copies each page it
 * changes, so even a removal needs space.
 *
 * One thread writes, grows and reopens; another may read concurrently. An open read transaction
 * pins the map.
 */
typedef struct Environment Environment;

/* Locks the directory and opens the environment. Logs a failure: -EMEDIUMTYPE for a foreign or
 * damaged file, which is left unchanged; -EBUSY if it is in use; or another negative errno.
 * `or_later`: fails with -EBUSY and -ENOMEM only; after another failure environment_recover() opens
 * the environment later. */
int environment_new(const char *directory, bool or_later, Environment **ret);
Environment *environment_free(Environment *environment);
DEFINE_CLEANUP(Environment *, environment_free);

/* 0, or the negative errno that keeps the environment closed. */
int environment_error(Environment *environment);

/* A read blocks the growth of the map, so it must be short. Both functions return
 * environment_error() while the environment is closed. */
int environment_begin_read(Environment *environment, Txn *ret);
int environment_begin_write(Environment *environment, Txn *ret);

/* The first intent id of this process; 0 before the environment was opened. */
uint64_t environment_first_id(Environment *environment);

/* Enlarges the map or frees pages, and keeps the reserve. Returns 0, -EXFULL, or the errno of the
 * allocation. Not within a write. */
int environment_grow(Environment *environment);

/* Whether the reserve is allocated; tries to allocate it. */
bool environment_has_reserve(Environment *environment);
/* The cached result of environment_has_reserve(). Thread-safe. */
bool environment_had_reserve(const Environment *environment);
/* Whether the map has enough free pages to do without the reserve. Not within a write. */
bool environment_has_room(Environment *environment);
/* Adds the reserve to the map. -EXFULL without a reserve. Not within a write. */
int environment_use_reserve(Environment *environment);

/* Closes and opens it again, while readers wait: LMDB keeps all pages that its largest transaction
 * changed. Logs a failure, which closes the environment. Not within a write. */
void environment_release_memory(Environment *environment);

/* The directory, lent. */
const char *environment_directory(const Environment *environment);

/* Replaces all data by that of another directory's data.mdb, which is moved and which nobody has
 * open, while readers wait. Returns 0, or a negative errno, which may have closed the environment.
 * Not within a write. */
int environment_replace(Environment *environment, const char *from_directory);

/* Whether a commit is on disk when it ends: true until set, and after the environment was opened
 * anew. The first durable commit makes earlier ones durable as well; until then a crash of the
 * system may damage the file. Not within a write. */
int environment_set_durable(Environment *environment, bool durable);

/* Reopens a closed or unusable environment. Returns 1 if reopened, 0 if usable, or the negative
 * errno that keeps it closed. Not within a write. */
int environment_recover(Environment *environment);

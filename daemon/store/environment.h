/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/txn.h"

/*
 * The store's directory and the LMDB environment in it: `data.mdb`, `lock.mdb`. The directory is
 * locked, since a process of its own is all that a store is made for.
 *
 * The disk space for the whole map is allocated when the map is made or grows. So a full disk
 * shows there, where nothing has been written yet and it can be told from a broken one, and a file
 * that ends before what is in use has been cut off.
 *
 * One thread writes, and grows and recovers; another one may read at the same time. A read keeps
 * the map where it is.
 */
typedef struct Environment Environment;

/* What a new store takes on the disk. */
#define ENVIRONMENT_SIZE_INITIAL (4U * 1024U * 1024U)

/* Logs why it fails: -EMEDIUMTYPE for what is not our store, which is then as it was; -EBUSY if it
 * is in use; another negative errno. */
int environment_new(const char *directory, Environment **ret);
Environment *environment_free(Environment *environment);
DEFINE_CLEANUP(Environment *, environment_free);

/* Begun before the environment grows, a read is waited for: it has to end soon. */
int environment_begin_read(Environment *environment, Txn *ret);
int environment_begin_write(Environment *environment, Txn *ret);

/* Makes the map larger, or room in it. -EXFULL or the errno that says why there is no space. Not
 * within a write.
 */
int environment_grow(Environment *environment);

/* After a failure: opens the environment anew if it has become unusable. Returns 0, or the negative
 * errno that says why it stays so. Not within a write. */
int environment_recover(Environment *environment);

/*
 * Opens the environment in a directory to read from it, beside the process whose store it is, if
 * there is one. Logs why it fails, as environment_new() does. -ENOTRECOVERABLE from what is read
 * then says that the other one has made the map larger since.
 */
int environment_open_beside(const char *directory, MDB_env **ret);
DEFINE_CLEANUP(MDB_env *, mdb_env_close);

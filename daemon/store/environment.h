/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/txn.h"

/*
 * The store's directory and the LMDB environment in it: `data.mdb`, `lock.mdb`. The directory is
 * locked: one process owns a store.
 *
 * Disk space for the whole map is allocated when the map is made or grows. So a full disk shows
 * there, where nothing has been written yet and it can be told from a broken one, and a file that
 * ends before its last used page has been cut off.
 *
 * A reserve is allocated behind the map, for changes that take access away: LMDB copies each page
 * that it changes, so that a removal needs space, too, if only for a while.
 *
 * One thread writes, and grows and opens anew; another one may read at the same time. A read keeps
 * the map where it is.
 */
typedef struct Environment Environment;

/* Locks the directory and opens the environment. Logs why it fails: -EMEDIUMTYPE for a file that is
 * not our store, which is then as it was; -EBUSY if it is in use; another negative errno. */
int environment_new(const char *directory, Environment **ret);
/* The same, but what cannot be opened yet is opened by environment_recover(). -EBUSY or -ENOMEM. */
int environment_new_later(const char *directory, Environment **ret);
Environment *environment_free(Environment *environment);
DEFINE_CLEANUP(Environment *, environment_free);

/* 0, or the negative errno that says why the environment is not open. */
int environment_error(Environment *environment);

/* Begun before the environment grows, a read is waited for: it has to end soon. Both return the
 * errno of environment_error() while it is not open. */
int environment_begin_read(Environment *environment, Txn *ret);
int environment_begin_write(Environment *environment, Txn *ret);

/* Ids from here on are of this process. 0 before the environment has been open. */
uint64_t environment_first_id(Environment *environment);

/* Makes the map larger, or room in it, and keeps the reserve. -EXFULL or the errno that says why
 * there is no space. Not within a write. */
int environment_grow(Environment *environment);

/* Whether the reserve is there; allocates it if it is not and the disk has room. */
bool environment_has_reserve(Environment *environment);
/* The same, as it was with the last change: from any thread. */
bool environment_had_reserve(const Environment *environment);
/* Whether as many pages are free within the map, and some more. Not within a write. */
bool environment_has_room(Environment *environment);
/* Adds the reserve to the map. -EXFULL if it is not there. Not within a write. */
int environment_use_reserve(Environment *environment);

/* After a failure: opens the environment anew if it is not open or has become unusable. Returns 1
 * if it did, 0 if there was no need, or the negative errno that says why it stays so. Not within a
 * write. */
int environment_recover(Environment *environment);

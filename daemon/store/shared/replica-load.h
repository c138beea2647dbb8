/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/environment/environment.h"
#include "daemon/store/shared/replica.h"
#include "daemon/store/shared/shared-log.h"

/* Loads a snapshot of the shared log beside the replica, which stays in use until the snapshot is
 * complete and replaces it. */
typedef struct ReplicaLoad ReplicaLoad;

/* The environment of the replica is lent. Returns NULL if out of memory. */
ReplicaLoad *replica_load_new(Environment *environment);
/* Removes what has been loaded. Returns NULL. */
ReplicaLoad *replica_load_free(ReplicaLoad *load);
DEFINE_CLEANUP(ReplicaLoad *, replica_load_free);

/* Adds a page. Returns 0 or a negative errno, which ends the load. */
int replica_load_add(ReplicaLoad *load, uint64_t revision, const LogEvent *events, size_t n_events);
/* All pages were added. Returns 0 or a negative errno. */
int replica_load_complete(ReplicaLoad *load, const ReplicaPosition *position);
/* The complete snapshot, which may be changed before it replaces the replica; lent. */
Environment *replica_load_environment(const ReplicaLoad *load);
/* Replaces the replica by the complete snapshot. Returns 0 or a negative errno. */
int replica_load_end(ReplicaLoad *load);

/* Removes the files of a replica that is not open. Returns 0 or a negative errno. */
int replica_remove(const char *directory);

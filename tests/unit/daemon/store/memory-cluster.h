/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/shared/shared-log.h"

/*
 * A shared log in memory, with one SharedLog for each host. Nothing happens by itself: a step, in
 * an order that a seed determines, tells one host of a revision, or the result of a batch. So hosts
 * lag behind each other as they would in a network.
 */
typedef struct MemoryCluster MemoryCluster;

MemoryCluster *memory_cluster_new(unsigned seed);
/* All logs must have been freed. */
void memory_cluster_free(MemoryCluster *cluster);

SharedLog *memory_cluster_join(MemoryCluster *cluster, unsigned number);

/* Carries out something that is due. Returns false if there is nothing. */
bool memory_cluster_step(MemoryCluster *cluster);
/* The same for one host. */
bool memory_cluster_step_host(MemoryCluster *cluster, unsigned number);

/* Forgets all history, as a compaction does. */
void memory_cluster_compact(MemoryCluster *cluster);
/* Goes back to an earlier revision, as after a backup was restored. */
void memory_cluster_restore(MemoryCluster *cluster, uint64_t revision);
/* The same, with a higher revision that does not go back, as etcdutl does with --bump-revision. */
void memory_cluster_restore_raised(MemoryCluster *cluster, uint64_t backup, uint64_t revision);
/* From now on it is another cluster. */
void memory_cluster_replace(MemoryCluster *cluster);
/* Hosts are told whether the log can be reached; while it cannot, batches fail. */
void memory_cluster_set_reachable(MemoryCluster *cluster, bool is_reachable);

/* Tells a host that another one is away. */
void memory_cluster_tell_away(MemoryCluster *cluster, unsigned to, unsigned away);

uint64_t memory_cluster_revision(const MemoryCluster *cluster);
/* How many batches had a change that was not made. */
unsigned memory_cluster_collisions(const MemoryCluster *cluster);
/* NULL if there is no such key. */
const uint8_t *memory_cluster_get(const MemoryCluster *cluster, const char *key, size_t *ret_len);
/* How many keys begin so. */
size_t memory_cluster_count(const MemoryCluster *cluster, const char *prefix);
/* Writes a key as another program could. */
void memory_cluster_put(MemoryCluster *cluster, const char *key, const void *value, size_t len);

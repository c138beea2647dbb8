/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Memory that is freed at once. Zero-initialised it is empty. */
typedef struct EtcdArena {
        struct EtcdArenaBlock *blocks;
} EtcdArena;

/* Returns zeroed memory, NULL if out of memory. */
void *etcd_arena_alloc(EtcdArena *arena, size_t n, size_t size);
void etcd_arena_clear(EtcdArena *arena);
/* Moves all memory of `from`. */
void etcd_arena_move(EtcdArena *arena, EtcdArena *from);

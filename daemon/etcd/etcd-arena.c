/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/etcd/etcd-arena.h"

typedef struct EtcdArenaBlock {
        struct EtcdArenaBlock *next;
        max_align_t memory[];
} EtcdArenaBlock;

void *etcd_arena_alloc(EtcdArena *arena, size_t n, size_t size)
{
        EtcdArenaBlock *block;

        if (size > 0 && n > (SIZE_MAX - sizeof(EtcdArenaBlock)) / size)
                return NULL;
        block = calloc(1, sizeof(EtcdArenaBlock) + n * size);
        if (!block)
                return NULL;
        block->next = arena->blocks;
        arena->blocks = block;
        return block->memory;
}

void etcd_arena_move(EtcdArena *arena, EtcdArena *from)
{
        EtcdArenaBlock **end = &from->blocks;

        while (*end)
                end = &(*end)->next;
        *end = arena->blocks;
        arena->blocks = TAKE_PTR(from->blocks);
}

void etcd_arena_clear(EtcdArena *arena)
{
        EtcdArenaBlock *next;

        for (EtcdArenaBlock *block = arena->blocks; block; block = next) {
                next = block->next;
                free(block);
        }
        arena->blocks = NULL;
}

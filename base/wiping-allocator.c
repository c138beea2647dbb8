/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <malloc.h>
#include <stdatomic.h>

#include "base/wiping-allocator.h"

static atomic_uint n_failed;

unsigned allocations_failed(void)
{
        return n_failed;
}

void allocation_has_failed(void)
{
        n_failed++;
}

static void *counted(void *p)
{
        if (!p)
                allocation_has_failed();
        return p;
}

void *counted_malloc(size_t size)
{
        return counted(malloc(size));
}

void *counted_calloc(size_t n, size_t size)
{
        return counted(calloc(n, size));
}

char *counted_strdup(const char *s)
{
        return counted(strdup(s));
}

void wiping_free(void *p)
{
        if (p)
                explicit_bzero(p, malloc_usable_size(p));
        free(p);
}

void *wiping_realloc(void *p, size_t size)
{
        size_t old_size = p ? malloc_usable_size(p) : 0;
        void *moved = counted_malloc(size);

        if (!moved)
                return NULL;
        if (p)
                memcpy(moved, p, old_size < size ? old_size : size);
        wiping_free(p);
        return moved;
}

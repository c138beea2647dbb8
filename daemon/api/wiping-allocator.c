/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <malloc.h>

#include "daemon/api/wiping-allocator.h"

void wiping_free(void *p)
{
        if (p)
                explicit_bzero(p, malloc_usable_size(p));
        free(p);
}

void *wiping_realloc(void *p, size_t size)
{
        size_t old_size = p ? malloc_usable_size(p) : 0;
        void *moved = malloc(size);

        if (!moved)
                return NULL;
        if (p)
                memcpy(moved, p, old_size < size ? old_size : size);
        wiping_free(p);
        return moved;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * malloc() for what may hold a secret: memory is wiped before it is given back. Made for libraries
 * that copy a key into buffers of their own, and for replies. Allocate with malloc(), calloc() or
 * strdup(), and resize and free with these.
 */

/* NULL is fine. */
void wiping_free(void *p);
DEFINE_CLEANUP(char *, wiping_free);

/* Like realloc(), but never leaves a copy behind. NULL if out of memory, `p` is then untouched. */
void *wiping_realloc(void *p, size_t size);

/* As without "counted_". What fails is counted, as it is in wiping_realloc(): not every library
 * says that memory was what it lacked. */
void *counted_malloc(size_t size);
void *counted_calloc(size_t n, size_t size);
char *counted_strdup(const char *s);

/* How many allocations have failed since the process began, in any thread: to be compared with what
 * it was before. */
unsigned allocations_failed(void);
/* Counts one more, of an allocator that is none of these. */
void allocation_has_failed(void);

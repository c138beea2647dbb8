/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* An allocator that wipes memory on free, for libraries that copy keys into their buffers, and for
 * replies. Allocate with malloc(), calloc() or strdup(); resize and free with these. */

/* Wipes and frees memory. Accepts NULL. */
void wiping_free(void *p);
DEFINE_CLEANUP(char *, wiping_free);

/* Like realloc(), but wipes the old memory. NULL if out of memory (`p` unchanged). */
void *wiping_realloc(void *p, size_t size);

/* Like malloc(), calloc() and strdup(), but count failures, as wiping_realloc() does: not every
 * library reports ENOMEM as such. */
void *counted_malloc(size_t size);
void *counted_calloc(size_t n, size_t size);
char *counted_strdup(const char *s);

/* Number of failed allocations of the process, thread-safe; compare with an earlier value. */
unsigned allocations_failed(void);
/* Counts a failure of another allocator. */
void allocation_has_failed(void);

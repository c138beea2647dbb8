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

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* String vectors: NULL-terminated arrays of strings. NULL is an empty vector. */

char **strv_free(char **strv);
DEFINE_CLEANUP(char **, strv_free);

size_t strv_len(char *const *strv);
bool strv_contains(char *const *strv, const char *s);

/* Appends a copy. Returns 0 or -ENOMEM (vector unchanged). */
int strv_push(char ***strv, const char *s);

/* Frees all but the first `n` strings. */
void strv_truncate(char **strv, size_t n);

/* Copies a vector; an empty one becomes NULL. Returns 0 or -ENOMEM. */
int strv_copy(char *const *strv, char ***ret);

/* Joins with spaces. Owned by the caller; NULL if out of memory. */
char *strv_join(const char *const *strv);

/* Splits at white space; no words give NULL. Returns 0 or -ENOMEM. */
int strv_split(const char *s, char ***ret);

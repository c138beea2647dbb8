/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A string vector: an array of strings that ends in NULL. NULL itself is an empty one. */

char **strv_free(char **strv);
DEFINE_CLEANUP(char **, strv_free);

size_t strv_len(char *const *strv);
bool strv_contains(char *const *strv, const char *s);

/* Appends a copy. Returns 0 or -ENOMEM, and then the vector is as it was. */
int strv_push(char ***strv, const char *s);

/* Frees all but the first strings. */
void strv_truncate(char **strv, size_t n);

/* Copies a vector; an empty one becomes NULL. Returns 0 or -ENOMEM. */
int strv_copy(char *const *strv, char ***ret);

/* Splits at white space. No words at all give NULL. Returns 0 or -ENOMEM. */
int strv_split(const char *s, char ***ret);

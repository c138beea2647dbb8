/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Whether a text is UTF-8 of 1 to `len_max` bytes without control characters, and without what
 * Unicode calls non-characters. NULL is none. */
bool text_is_valid(const char *s, size_t len_max);

/* Whether a text is UTF-8, whatever characters it has; of what Unicode calls non-characters, none.
 */
bool text_is_utf8(const char *s);

/* A copy that text_is_valid(), but for its length and for being empty: '?' stands for each byte
 * that is in its way. The caller's; NULL for lack of memory. */
char *text_make_valid(const char *s);

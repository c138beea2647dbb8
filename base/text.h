/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Whether a text is UTF-8 of 1 to `len_max` bytes without control characters, and without what
 * Unicode calls non-characters. NULL is none. */
bool text_is_valid(const char *s, size_t len_max);

/* The same for text that has lines: it may be empty and have control characters. */
bool prose_is_valid(const char *s, size_t len_max);

/* Whether a text is UTF-8, whatever characters it has; of what Unicode calls non-characters, none.
 */
bool text_is_utf8(const char *s);

/* The length of the character that the text begins with: 0 for what is no UTF-8, at the end of the
 * text, and for what Unicode calls non-characters. */
size_t text_next_character(const char *s);

/* The length of what is left of UTF-8 text if it is cut, between two characters, to `len_max` bytes
 * at most. */
size_t text_cut(const char *s, size_t len_max);

/* A copy that text_is_valid(), but for its length and for being empty: '?' stands for each byte
 * that is in its way. The caller's; NULL for lack of memory. */
char *text_make_valid(const char *s);

/* Parses a decimal number from 1 to `max`. Returns 0 if the text is none. */
uint32_t text_parse_number(const char *s, uint32_t max);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Whether a text is UTF-8 of 1 to `len_max` bytes without control characters, and without what
 * Unicode calls non-characters. NULL is none. */
bool text_is_valid(const char *s, size_t len_max);

/* The same for text that has lines: it may be empty and have control characters. */
bool prose_is_valid(const char *s, size_t len_max);

/* The length of the character that the text begins with: 0 for what is no UTF-8, at the end of the
 * text, and for what Unicode calls non-characters. */
size_t text_character_len(const char *s);

/* The length of what is left of UTF-8 text if it is cut, between two characters, to `len_max` bytes
 * at most. */
size_t text_cut(const char *s, size_t len_max);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Whether a text is UTF-8 of 1 to `len_max` bytes, without control characters and Unicode
 * non-characters. False for NULL. */
bool text_is_valid(const char *s, size_t len_max);

/* Like text_is_valid(), for multi-line text: may be empty and contain control characters. */
bool prose_is_valid(const char *s, size_t len_max);

/* Whether a text is UTF-8 without Unicode non-characters. */
bool text_is_utf8(const char *s);

/* Decodes the first UTF-8 character. Returns its length; 0 if invalid, a Unicode non-character, or
 * at the end of the text. */
size_t text_next_character(const char *s, uint32_t *ret);

/* The length of a text truncated to at most `len_max` bytes at a character boundary. */
size_t text_cut(const char *s, size_t len_max);

/* A copy in which '?' replaces each byte that text_is_valid() refuses, regardless of the length.
 * Owned by the caller; NULL if out of memory. */
char *text_make_valid(const char *s);

/* A formatted text. Owned by the caller; NULL if out of memory. */
_printf_(1, 2) char *text_format(const char *format, ...);

/* Parses a decimal number from 1 to `max`. Returns 0 if invalid. */
uint32_t text_parse_number(const char *s, uint32_t max);

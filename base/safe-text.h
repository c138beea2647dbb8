/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Whether a character is invisible, a bidi control or a line separator: Unicode's default
 * ignorables, U+2028 and U+2029. */
bool safe_text_is_invisible(uint32_t c);

/* Whether an untrusted text of 1 to `len_max` bytes can be shown between quotation marks: valid
 * UTF-8 without control characters, invisible characters and look-alikes of quotation marks. */
bool safe_text_is_quotable(const char *s, size_t len_max);

/*
 * Copies untrusted text for output on a terminal. Each byte of a character that is unprintable in
 * the locale, invisible or a bidi control becomes \xHH, and a backslash is doubled. NULL if out of
 * memory.
 */
char *safe_text_new(const char *s);

/* Prints safe text and a newline. Returns 0 or -ENOMEM. */
int safe_text_print_line(const char *s);

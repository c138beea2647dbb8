/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Copies untrusted text for output on a terminal. Each byte of a character that is unprintable in
 * the locale, invisible or a bidi control becomes \xHH, and a backslash is doubled. `ret_width`,
 * which may be NULL, is the width in columns. NULL if out of memory.
 */
char *safe_text_new(const char *s, size_t *ret_width);

/* Prints safe text and a newline. Returns 0 or -ENOMEM. */
int safe_text_print_line(const char *s);

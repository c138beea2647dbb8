/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * A copy of a text that can do nothing to a terminal, nor deceive who reads it: what the locale
 * cannot print, what is not seen and what turns the direction becomes \xHH for each byte, and a
 * backslash two. `ret_width`, which may be NULL, gets the columns that it takes. NULL for lack of
 * memory.
 */
char *safe_text_new(const char *s, size_t *ret_width);

/* Prints such a copy as a line. Returns 0 or -ENOMEM. */
int safe_text_print_line(const char *s);

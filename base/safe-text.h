/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Whether a character is invisible, a bidi control or a line separator: Unicode's default
 * ignorables, U+2028 and U+2029. */
bool safe_text_is_invisible(uint32_t c);

/* Whether an untrusted text of 1 to `len_max` bytes can be shown between quotation marks: valid
 * UTF-8 without control characters, invisible characters and look-alikes of quotation marks. */
bool safe_text_is_quotable(const char *s, size_t len_max);

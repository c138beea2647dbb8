/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Whether a text is UTF-8 of 1 to `len_max` bytes without control characters, and without what
 * Unicode calls non-characters. NULL is none. */
bool text_is_valid(const char *s, size_t len_max);

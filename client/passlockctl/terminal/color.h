/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "base/macro.h"

#define COLOR_RED    "\x1b[31m"
#define COLOR_GREEN  "\x1b[32m"
#define COLOR_YELLOW "\x1b[33m"
#define COLOR_RESET  "\x1b[0m"

/* Whether output to a file is colored: a terminal, unless TERM=dumb or NO_COLOR (no-color.org). */
bool color_is_enabled(FILE *file);

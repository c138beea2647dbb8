/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A progress bar on standard error, if that is a terminal. */

/* `expected` is an estimate; 0 if unknown. */
void progress_bar_draw(uint64_t done, uint64_t expected, const char *what);
/* Clears the line. */
void progress_bar_clear(void);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A line on standard error that is drawn over and over; nothing at all if that is no terminal. */

/* `expected` is a guess; 0 for none. */
void progress_bar_draw(uint64_t done, uint64_t expected, const char *what);
/* Leaves an empty line to go on with. */
void progress_bar_clear(void);

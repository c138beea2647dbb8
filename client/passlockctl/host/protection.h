/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* From here on nobody gets to see our memory: no core dump, no debugger of the same user, no swap;
 * and no file that we make. Returns 0 or a negative errno. */
int protect_memory(void);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Protects the memory of this process: no core dump, no ptrace by the same user, no swap. Files are
 * created with mode 0600. Returns 0 or a negative errno.
 */
int protect_memory(void);

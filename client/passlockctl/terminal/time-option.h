/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Reads the value of --since= or --until=, in microseconds since the epoch. Without a text, leaves
 * *ret_us as it is. Returns 0, or an exit status after a reported error. */
int time_option_read(const char *option, const char *text, uint64_t *ret_us);

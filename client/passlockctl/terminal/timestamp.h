/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Reads a point in time: "2026-11-25", "2026-11-25 14:30" or "2026-11-25 14:30:15", local time;
 * "@1700000000", seconds since the epoch; "-90s", "-15min", "-2h" or "-3d", so long before now.
 * Returns 0 or -EINVAL.
 */
int timestamp_parse(const char *text, uint64_t now_us, uint64_t *ret_us);

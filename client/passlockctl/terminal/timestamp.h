/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Parses a timestamp: "2026-11-25", "2026-11-25 14:30" or "2026-11-25 14:30:15" in local time,
 * "@1700000000" in seconds since the epoch, or "-90s", "-15min", "-2h" or "-3d" relative to now.
 * Returns 0 or -EINVAL.
 */
int timestamp_parse(const char *text, uint64_t now_us, uint64_t *ret_us);

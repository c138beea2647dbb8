/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/retry-after.h"

/* HTTP dates, in all formats of RFC 9110. */

/* Milliseconds since the epoch; 0 if invalid or before 1970. */
uint64_t http_date_ms(const char *value);

/* Parses Retry-After: seconds, or a date relative to `now_ms`. Returns seconds, UINT32_MAX at most;
 * 0 for the past, and RETRY_AFTER_UNREADABLE_S if invalid. */
uint32_t http_retry_after_s(const char *value, uint64_t now_ms);

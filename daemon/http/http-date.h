/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The dates of HTTP's headers, in each of the forms that RFC 9110 has. Pure. */

/* Milliseconds since the epoch; 0 for what is no date, and for one before 1970. */
uint64_t http_date_ms(const char *value);

/*
 * The wait that a Retry-After asks for: a number of seconds, or until a date, on a clock that shows
 * `now_ms`. 0 for a date in the past, UINT32_MAX for all that is longer. A value that is neither
 * still asks to wait, so it counts as HTTP_RETRY_AFTER_UNREADABLE_S.
 */
#define HTTP_RETRY_AFTER_UNREADABLE_S 60U
uint32_t http_retry_after_s(const char *value, uint64_t now_ms);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dbus/error.h"

/*
 * Maps an HTTP reply of the API to an error: the single table for the daemon and passlockctl.
 *
 *      status      tag                                 meaning
 *      2xx         any                                 0: success
 *      429         ChallengeExpired or                 that error, if the endpoint documents it:
 *                  ChallengeAttemptsExceeded           their status is undocumented
 *                  any other, or none                  RATE_LIMITED
 *      401, 403    any                                 API_DENIED
 *      other 4xx   Forbidden, Unauthorized or          API_DENIED
 *                  InvalidTenancy
 *                  one that the endpoint documents     that error
 *                  any other, or none                  BAD_REQUEST
 *      any other   any                                 UNREACHABLE
 *
 * A gateway in front of the API has other tags or none. So 401, 403 and 429 take precedence over
 * the tag, while NOT_FOUND and INVALID_CODE require the API's own tag: NOT_FOUND removes links.
 *
 * `tag` is the `_tag` of the body; NULL if it is missing, or the body is not JSON or truncated.
 * `documented` lists the endpoint's errors, ending in 0; NULL: none. Returns 0 or an Error.
 */
int api_status_to_error(unsigned status, const char *tag, const Error *documented);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dbus/error.h"

/*
 * What an answer of the HTTP API means: the one table that the daemon and passlockctl judge by.
 *
 *      status      tag                                 meaning
 *      2xx         any                                 0: success
 *      429         ChallengeExpired or                 that error, if the endpoint documents it:
 *                  ChallengeAttemptsExceeded           nothing says what status they have
 *                  any other, or none                  RATE_LIMITED
 *      401, 403    any                                 API_DENIED
 *      other 4xx   Forbidden, Unauthorized or          API_DENIED
 *                  InvalidTenancy
 *                  one that the endpoint documents     that error
 *                  any other, or none                  BAD_REQUEST
 *      any other   any                                 UNREACHABLE
 *
 * A gateway in front of the API has tags of its own, or none. Therefore 401, 403 and 429 count more
 * than a tag, and NOT_FOUND and INVALID_CODE need the tag of the API itself: links are removed
 * because of the former.
 *
 * `tag` is the `_tag` of the body; NULL for a body without one, a body that is no JSON, or one that
 * is cut off. `documented` are the errors that the endpoint may answer with, ending in 0; NULL for
 * none. Returns 0 or an Error.
 */
int api_status_to_error(unsigned status, const char *tag, const Error *documented);

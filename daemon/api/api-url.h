/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The URLs of the API. Pure. */

/* An origin and nothing more: http:// or https://, in lower case, a host and perhaps a port. */
bool api_url_origin_is_valid(const char *s);

/*
 * Appends path segments, a NULL-terminated array, to a URL that does not end in a slash. Each is
 * percent-encoded but for the unreserved characters of RFC 3986. Returns 0, -ENOMEM, or -EINVAL for
 * an empty segment and for "." and "..", which no encoding keeps from being resolved on the way.
 */
int api_url_build(const char *base, const char *const *segments, char **ret);

/*
 * The same, but the path ends in a slash, and a query follows: `name`, as it is, and `value`,
 * percent-encoded. Without a value, NULL, there is no query.
 */
int api_url_build_query(const char *base, const char *const *segments, const char *name,
                        const char *value, char **ret);

/* Whether this can be a segment. */
bool api_url_segment_is_valid(const char *s);

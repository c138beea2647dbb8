/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* URLs of the API. Pure. */

/* Whether this is an origin: http:// or https:// in lower case, a host, optionally a port. */
bool api_url_origin_is_valid(const char *s);

/*
 * Appends a NULL-terminated array of path segments to a URL without a trailing slash,
 * percent-encoding all but RFC 3986's unreserved characters. Returns 0, -ENOMEM, or -EINVAL for "",
 * "." and "..", which intermediaries resolve even when encoded.
 */
int api_url_build(const char *base, const char *const *segments, char **ret);

/* Like api_url_build(), with a trailing slash and a query: `name` verbatim, `value`
 * percent-encoded. No query if `value` is NULL. */
int api_url_build_query(const char *base, const char *const *segments, const char *name,
                        const char *value, char **ret);

/* Whether api_url_build() accepts the path segment. */
bool api_url_segment_is_valid(const char *s);

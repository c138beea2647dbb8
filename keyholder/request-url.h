/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* URLs that the key holder may request. Pure. */

/*
 * Whether this is a path below a tenancy, with or without a query: absolute, of unreserved and
 * percent-encoded characters only. A segment is not empty, except the last one, and is not "." or
 * "..", percent-encoded or not: servers and proxies would resolve these.
 */
bool request_path_is_valid(const char *path);

/* The URL of a path below the tenancy. The caller frees it. Returns 0, -ENOMEM, or -EINVAL for a
 * path that request_path_is_valid() rejects. */
int request_url_build(const char *endpoint, const char *tenancy_id, const char *path, char **ret);

/* The URL of the public key set of all tenancies. Returns 0 or -ENOMEM. */
int request_url_build_key_set(const char *endpoint, char **ret);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/call.h"

/*
 * Verifies an id_token by the tenancy's key set, which is cached: the first use fetches it, and a
 * use after ten minutes refreshes it in the background, so that tokens are verified while the API
 * is unreachable. An unknown key refreshes it as well, every 30 seconds at most.
 *
 * Result: principal. Also INVALID_TOKEN; USER_MISMATCH if the user is not `user_id`, which may be
 * NULL; and the Errors of fetching the key set. Starts as in call.h: CALL_ANSWERED if the key is in
 * the cache.
 */
int verify_id_token_start(Tenancy *tenancy, const char *id_token, const char *user_id,
                          ResultFunc func, void *userdata, Call **ret);

/* Caches the key set of a tenancy. */
extern const struct TenancyPart key_set_cache_part;

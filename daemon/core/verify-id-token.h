/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/call.h"

/*
 * Verifies an id_token with the cached key set of the tenancy (JWKS). The first use fetches the key
 * set; a use after ten minutes refreshes it in the background, so tokens are verified while the API
 * is unreachable. An unknown key also refreshes it, every 30 seconds at most.
 *
 * Result: principal. Also INVALID_TOKEN, USER_MISMATCH if the token is not for `user_id` (NULL:
 * any), and the Errors of fetching the key set. Returns as described in call.h; CALL_ANSWERED if
 * the key is cached.
 */
int verify_id_token_start(Tenancy *tenancy, const char *id_token, const char *user_id,
                          ResultFunc func, void *userdata, Call **ret);

/* The key-set cache of a tenancy. */
extern const struct TenancyPart key_set_cache_part;

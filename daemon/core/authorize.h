/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/tenancy.h"
#include "daemon/model/authentication.h"
#include "daemon/model/registration.h"

/* Lets a page create one passkey, or sign somebody in with one. */
typedef struct Authorize Authorize;

/* r: 0 or an Error or a negative errno; retry_after_s goes with RATE_LIMITED. The token is lent. */
typedef void (*AuthorizeFunc)(int r, uint32_t retry_after_s, const Token *token, void *userdata);

/*
 * Takes the registration over, also when it fails. With `exclude_linked` the user's linked
 * authenticators join those to exclude. Returns 0, a negative errno, NOT_CONFIGURED or
 * STORE_FAILED. The function runs once, never before this returns nor after authorize_cancel().
 */
int authorize_registration_start(Tenancy *tenancy, Registration *registration, bool exclude_linked,
                                 AuthorizeFunc func, void *userdata, Authorize **ret);

/* The same for signing in. INVALID_ARGS for a request that contradicts itself. */
int authorize_authentication_start(Tenancy *tenancy, const Authentication *authentication,
                                   AuthorizeFunc func, void *userdata, Authorize **ret);

/* NULL is fine. Returns NULL. */
Authorize *authorize_cancel(Authorize *authorize);
DEFINE_CLEANUP(Authorize *, authorize_cancel);

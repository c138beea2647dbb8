/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/call.h"
#include "daemon/model/authentication.h"

/* One-time tokens that let a page create a passkey or sign a user in. Returns as described in
 * call.h, and also NOT_CONFIGURED. Result: token. */

/* Takes ownership of the registration, also on failure. `exclude_linked` adds the authenticators
 * linked to the user to the excluded credentials. Also returns STORE_FAILED. */
int authorize_registration_start(Tenancy *tenancy, Registration *registration, bool exclude_linked,
                                 ResultFunc func, void *userdata, Call **ret);

/* Also returns INVALID_ARGS for contradictory options. */
int authorize_authentication_start(Tenancy *tenancy, const Authentication *authentication,
                                   ResultFunc func, void *userdata, Call **ret);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/call.h"
#include "daemon/model/authentication.h"

/* One-time tokens that let a page create a passkey or sign a user in. Starts as in call.h; also
 * NOT_CONFIGURED. Result: token. */

/* Takes the registration over, also on failure. With `exclude_linked` the user's linked
 * authenticators are excluded, too. Also STORE_FAILED. */
int authorize_registration_start(Tenancy *tenancy, Registration *registration, bool exclude_linked,
                                 ResultFunc func, void *userdata, Call **ret);

/* Also INVALID_ARGS for contradictory options. */
int authorize_authentication_start(Tenancy *tenancy, const Authentication *authentication,
                                   ResultFunc func, void *userdata, Call **ret);

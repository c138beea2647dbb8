/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/call.h"

/* Proves that the tenancy's key is in use, see dbus/key-proof.h: the Result has key_proof. Works
 * while the API is unreachable. Returns as described in call.h, and also NOT_CONFIGURED. */
int prove_key_start(Tenancy *tenancy, const char *nonce, ResultFunc func, void *userdata,
                    Call **ret);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/sandbox.h"

enum { SEED_PASSKEYS_MAX = 1000000 };

/*
 * Puts synthetic passkeys into an empty vault, for measurements. Number n, from 1 on, has the id
 * pk_%08u_syntheticpasskey, and belongs to the user user_%08u whose number is (n - 1) % n_users
 * + 1. Nobody can sign in with one: the private key to their public key is not known.
 */
void seed_passkeys(const Sandbox *sandbox, Tenancy *tenancy, uint32_t n_passkeys, uint32_t n_users);

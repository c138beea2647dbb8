/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/sandbox.h"

enum { SEED_PASSKEYS_MAX = 1000000 };

/*
 * Seeds an empty vault with synthetic passkeys, for load tests. Passkey n, from 1, has the id
 * pk_%08u_syntheticpasskey and belongs to user_%08u, number (n - 1) % n_users + 1. The private key
 * is unknown, so that nobody can sign in with these passkeys.
 */
void seed_passkeys(const Sandbox *sandbox, Tenancy *tenancy, uint32_t n_passkeys, uint32_t n_users);

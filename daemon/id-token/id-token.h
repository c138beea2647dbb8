/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/id-token/key-set.h"
#include "daemon/model/principal.h"

/* Verifies an id_token that a page brings. Pure: no I/O, no clock. */

/*
 * Reads which key a token names, without believing anything else of it. Returns 0, -ENOMEM, or
 * INVALID_TOKEN for what is no compact JWS, has no kid, or an alg other than RS256, PS256, PS384
 * and PS512.
 */
int id_token_read_kid(const char *token, char **ret);

/*
 * Verifies signature (by the key that the header names, with the algorithm that suits that key),
 * issuer, audience, and that it is valid at `now_ms`; demands every claim, once and of the right
 * type. Returns 0, -ENOMEM, or INVALID_TOKEN. Metadata of the principal is not known.
 */
int id_token_verify(const char *token, const KeySet *key_set, const char *tenancy_id,
                    uint64_t now_ms, Principal **ret);

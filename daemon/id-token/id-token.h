/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/id-token/key-set.h"
#include "daemon/model/principal.h"

/* Verifies an id_token (JWT) from a page. Pure: no I/O, no clock. */

/* Reads the key id of a token's header, unverified. Returns 0, -ENOMEM, or INVALID_TOKEN if it is
 * not a compact JWS, has no kid, or an alg other than RS256, PS256, PS384 and PS512. */
int id_token_read_kid(const char *token, char **ret);

/*
 * Verifies the signature (with the key that the header names and an algorithm that fits it),
 * issuer, audience and validity at `now_ms`; each claim must occur once, with the right type.
 * Returns 0, -ENOMEM, or INVALID_TOKEN. The principal's metadata is unknown.
 */
int id_token_verify(const char *token, const KeySet *key_set, const char *tenancy_id,
                    uint64_t now_ms, Principal **ret);

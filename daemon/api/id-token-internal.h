/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <cjose/cjose.h>

#include "daemon/api/id-token.h"

/* What the two halves, tokens and their keys, share. */

/* Whether a signature algorithm is one that this side accepts. */
bool id_token_alg_is_allowed(const char *alg);

/*
 * Decodes base64url of one form only: without padding, white space or stray bits at the end, and
 * not empty. The bytes are to be freed. Returns 0, -ENOMEM, or ERROR_INVALID_TOKEN.
 */
int id_token_decode(const char *text, size_t len, uint8_t **ret, size_t *ret_len);

/* The key of this name if it may verify `alg`, else NULL. Lent. */
const cjose_jwk_t *key_set_find(const KeySet *key_set, const char *kid, const char *alg);

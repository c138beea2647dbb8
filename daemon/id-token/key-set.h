/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The parsed public keys of an issuer (JWK set). Unusable keys are skipped: other key types and
 * uses, weak keys, keys without a kid. */
typedef struct KeySet KeySet;

/* Returns 0, -ENOMEM, or ERROR_MALFORMED_REPLY if the text is not a JWK set. */
int key_set_parse(const char *text, KeySet **ret);
KeySet *key_set_free(KeySet *key_set);
DEFINE_CLEANUP(KeySet *, key_set_free);

bool key_set_has(const KeySet *key_set, const char *kid);

/*
 * Verifies a compact JWS with key `kid` and algorithm `alg`, and copies the signed payload, which
 * the caller frees. All parts must satisfy jws_base64url_is_valid(). Returns 0, -ENOMEM, or
 * ERROR_INVALID_TOKEN, also for an unknown key.
 */
int key_set_verify(const KeySet *key_set, const char *kid, const char *alg, const char *token,
                   uint8_t **ret, size_t *ret_len);

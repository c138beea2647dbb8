/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The public keys of an issuer (a JWK set), parsed. ApiKeyLoader that cannot verify an id_token are
 * left out: other key types and uses, weak keys, keys without a kid. */
typedef struct KeySet KeySet;

/* Returns 0, -ENOMEM, or ERROR_MALFORMED_REPLY if the text is no JWK set. */
int key_set_parse(const char *text, KeySet **ret);
KeySet *key_set_free(KeySet *key_set);
DEFINE_CLEANUP(KeySet *, key_set_free);

bool key_set_has(const KeySet *key_set, const char *kid);

/*
 * Verifies the signature of a compact JWS by the key `kid` and the algorithm `alg`, and copies the
 * signed payload, which the caller frees. All parts of the JWS must be jws_base64url_is_valid().
 * Returns 0, -ENOMEM, or ERROR_INVALID_TOKEN, also if there is no such key.
 */
int key_set_verify(const KeySet *key_set, const char *kid, const char *alg, const char *token,
                   uint8_t **ret, size_t *ret_len);

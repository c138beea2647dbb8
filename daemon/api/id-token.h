/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/principal.h"

/* Pure: verifies what a page brings against a key set. Knows cjose and jansson, no I/O, no clock.
 */

/* The public keys of an issuer, parsed: keys that cannot verify anything here (other kinds, other
 * uses, weak, without a kid) are left out. */
typedef struct KeySet KeySet;

/* `text` is a JWK set. Returns 0, -ENOMEM, or MALFORMED_REPLY if it is none. */
int key_set_parse(const char *text, KeySet **ret);
KeySet *key_set_free(KeySet *key_set);
DEFINE_CLEANUP(KeySet *, key_set_free);

bool key_set_has(const KeySet *key_set, const char *kid);

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

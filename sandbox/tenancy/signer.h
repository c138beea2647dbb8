/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* The RSA key that signs id_tokens, for all tenancies. */
typedef struct Signer Signer;

/*
 * Restores a saved key; NULL: generates a key. Returns 0 and an owned signer, or -EBADMSG if the
 * key is not a private 2048-bit RSA key with an id.
 */
int signer_new(json_t *saved, Signer **ret);
Signer *signer_free(Signer *signer);
DEFINE_CLEANUP(Signer *, signer_free);

/* Returns the private key to save, owned. */
json_t *signer_save(const Signer *signer);

/* Returns an owned JWKS with the public key. */
json_t *signer_key_set(const Signer *signer);

/* Returns an owned compact JWS (RS256) of the claims. */
char *signer_sign(const Signer *signer, const json_t *claims);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* The RSA key that signs id_tokens, for all tenancies. */
typedef struct Signer Signer;

/*
 * Takes a saved key, or generates one: NULL. Returns 0 and an owned signer, or -EBADMSG if this is
 * not a private RSA key of 2048 bits with an id.
 */
int signer_new(json_t *saved, Signer **ret);
Signer *signer_free(Signer *signer);
DEFINE_CLEANUP(Signer *, signer_free);

/* Returns the owned private key, to be saved. */
json_t *signer_save(const Signer *signer);

/* Returns the owned JSON Web Key Set: the public key alone. */
json_t *signer_key_set(const Signer *signer);

/* Returns the owned compact JWS (RS256) of these claims. */
char *signer_sign(const Signer *signer, const json_t *claims);

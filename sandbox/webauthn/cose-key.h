/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/evp.h>

#include "sandbox/webauthn/cbor-item.h"

/* The public keys of credentials (RFC 9052), and what they sign. */

/* The algorithms of credentials, in the order of preference: EdDSA, ES256, RS256. */
extern const int cose_algorithms[3];

/* Returns the algorithm that a COSE_Key names, or 0 if it is none of ours. */
int cose_key_algorithm(Span cose_key);

/* Returns the owned key, or NULL if it is malformed, or no point of its curve. */
EVP_PKEY *cose_key_load(Span cose_key);

/* True if this is a signature of the message by the key, which must fit the algorithm. */
bool cose_verify(EVP_PKEY *key, int algorithm, Span message, Span signature);

static inline void EVP_PKEY_freep(EVP_PKEY **p)
{
        EVP_PKEY_free(*p);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <fido.h>

#include "sandbox/webauthn/cbor-map.h"

/* Public keys of credentials (RFC 9052), held by a fido_cred_t. */

/* The offered algorithms, in the order of preference: EdDSA, ES256, RS256. */
extern const int cose_algorithms[3];

/* Returns an owned credential that has only this COSE_Key, or NULL if the key is malformed. */
fido_cred_t *public_key_load(Span cose_key);

/*
 * Returns true if the COSE_Key has each member of its algorithm once, and no other: libfido2
 * ignores unknown members, and takes a missing coordinate as zero.
 */
bool public_key_is_complete(const fido_cred_t *credential, const cbor_item_t *cose_key);

/*
 * Verifies the signature of an assertion. Without an assertion only the key is checked, which
 * libfido2 does not do when parsing: a point on the curve, or 2048 bits. Returns FIDO_OK or an
 * error of libfido2.
 */
int public_key_verify(const fido_cred_t *credential, const fido_assert_t *assertion);

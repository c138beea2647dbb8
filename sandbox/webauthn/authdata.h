/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <fido.h>

#include "sandbox/webauthn/cbor-map.h"
#include "sandbox/webauthn/ceremony.h"

/*
 * Authenticator data (WebAuthn level 3, section 6.1), parsed by libfido2. Checked here, because
 * libfido2 does not: trailing bytes, the length of the credential id, missing, unknown and
 * duplicate members of the public key, attested data in an assertion.
 */

enum {
        AUTHDATA_USER_PRESENT = 1 << 0,
        AUTHDATA_USER_VERIFIED = 1 << 2,
        AUTHDATA_BACKUP_ELIGIBLE = 1 << 3,
        AUTHDATA_BACKED_UP = 1 << 4,
        AUTHDATA_ATTESTED = 1 << 6,
        AUTHDATA_EXTENSIONS = 1 << 7,
};

/*
 * Parses the authenticator data of a registration. Returns an owned credential, and the COSE_Key,
 * lent by the input; or NULL if the data is malformed or the algorithm is not offered.
 */
fido_cred_t *authdata_parse_credential(Span input, Span *ret_cose_key);

/* Parses the authenticator data of an authentication. Returns an owned assertion, or NULL. */
fido_assert_t *authdata_parse_assertion(Span input);

/* Checks RP ID hash and flags of parsed data. Returns NULL or a static error message. */
const char *authdata_check(Span input, const Ceremony *ceremony);

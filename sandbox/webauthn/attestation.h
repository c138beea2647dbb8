/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/webauthn/authdata.h"

/*
 * The attestation object of a new credential. Conveyance "none" is what we ask for, so no
 * certificate is trusted or mistrusted; but a statement that is there must be true.
 *
 * Accepted formats: "none", with an empty statement, and "packed", with certificates or signed by
 * the credential itself. Any other format is refused.
 */

/* Lent by the bytes that were parsed. */
typedef struct Attestation {
        CborItem format;
        CborItem statement;
        CborItem auth_data_item;
        AuthData auth_data; /* has AUTHDATA_ATTESTED */
        int algorithm;      /* one of cose_algorithms */
} Attestation;

/* Returns NULL, or what is wrong in a static sentence. */
const char *attestation_parse(Span input, Attestation *ret);

/*
 * Checks that the public key is one, and that the statement holds for it and for this
 * clientDataJSON. Returns NULL, or what is wrong in a static sentence.
 */
const char *attestation_verify(const Attestation *attestation, Span client_data);

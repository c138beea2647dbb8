/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/webauthn/authdata.h"

/*
 * Verifies the attestation object of a new credential. The options ask for conveyance "none", so no
 * certificate is trusted or distrusted; but the signature of a statement must verify.
 *
 * Accepted formats: "none", with an empty statement, and "packed", with certificates or signed by
 * the credential itself (self attestation).
 *
 * Returns NULL, an owned credential and its owned COSE_Key (base64url), or a static error message.
 */
const char *attestation_verify(const Ceremony *ceremony, Span input, Span client_data,
                               fido_cred_t **ret, char **ret_cose_key);

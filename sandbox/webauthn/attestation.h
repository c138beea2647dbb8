/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/webauthn/authdata.h"

/*
 * Verifies the attestation object of a new credential. Accepted formats: "none", with an empty
 * statement, and "packed", with certificates or as self attestation. The signature is verified;
 * certificates are not checked against trust anchors, because the options request conveyance
 * "none". Returns NULL, an owned credential and its owned COSE_Key (base64url), or a static error
 * message.
 */
const char *attestation_verify(const Ceremony *ceremony, Span input, Span client_data,
                               fido_cred_t **ret, char **ret_cose_key);

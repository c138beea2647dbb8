/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* The verification of WebAuthn ceremonies, for real: nothing here is relaxed for a sandbox. */

/* What the server knows about a ceremony that it started. Borrowed strings. */
typedef struct Ceremony {
        const char *challenge; /* base64url, as issued */
        const char *origin;    /* that asked for the options */
        const char *rp_id;
        bool user_verification_required;
} Ceremony;

/* A credential whose registration was verified. Binary values are base64url. */
typedef struct Credential {
        char *id;
        char *public_key; /* the COSE_Key */
        char aaguid[37];  /* as a lower-case UUID */
        uint32_t counter;
        bool user_verified;
        bool backup_eligible;
        bool backed_up;
        json_t *transports; /* an array of the known names, each once */
} Credential;

/*
 * Verifies a RegistrationResponseJSON. Returns NULL and an owned credential, or what is wrong in a
 * static sentence.
 */
const char *ceremony_verify_registration(const Ceremony *ceremony, const json_t *response,
                                         Credential **ret);

/* What an authentication has shown. */
typedef struct Assertion {
        uint32_t counter;
        bool user_verified;
        bool backup_eligible;
        bool backed_up;
} Assertion;

/*
 * Reads which credential a response, of either kind, claims to be made with: lent by the response.
 * Returns NULL, or what is wrong in a static sentence.
 */
const char *ceremony_credential_id(const json_t *response, const char **ret);

/*
 * Verifies an AuthenticationResponseJSON, with the public key of the credential that it claims
 * (base64url). Returns NULL, or what is wrong in a static sentence.
 */
const char *ceremony_verify_authentication(const Ceremony *ceremony, const json_t *response,
                                           const char *public_key, Assertion *ret);

Credential *credential_free(Credential *credential);
DEFINE_CLEANUP(Credential *, credential_free);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* Verification of WebAuthn ceremonies, as strict as in production. */

/* Expected values of a ceremony. Borrowed strings. */
typedef struct Ceremony {
        const char *challenge; /* base64url, as issued */
        const char *origin;    /* of the page that requested the options */
        const char *rp_id;
        bool user_verification_required;
} Ceremony;

/* A verified new credential. Binary values are base64url. */
typedef struct Credential {
        char *id;
        char *public_key; /* the COSE_Key */
        char aaguid[37];  /* lower-case UUID */
        uint32_t counter;
        bool user_verified;
        bool backup_eligible;
        bool backed_up;
        json_t *transports; /* array of known names without duplicates */
} Credential;

/*
 * Verifies a RegistrationResponseJSON. Returns NULL and an owned credential, or a static error
 * message.
 */
const char *ceremony_verify_registration(const Ceremony *ceremony, const json_t *response,
                                         Credential **ret);

/* The result of a verified authentication. */
typedef struct Assertion {
        uint32_t counter;
        bool user_verified;
        bool backup_eligible;
        bool backed_up;
} Assertion;

/*
 * Returns NULL and the credential id of a response of either kind, lent and not verified; or a
 * static error message.
 */
const char *ceremony_credential_id(const json_t *response, const char **ret);

/*
 * Verifies an AuthenticationResponseJSON with the COSE_Key (base64url) of the credential. Returns
 * NULL or a static error message.
 */
const char *ceremony_verify_authentication(const Ceremony *ceremony, const json_t *response,
                                           const char *public_key, Assertion *ret);

Credential *credential_free(Credential *credential);
DEFINE_CLEANUP(Credential *, credential_free);

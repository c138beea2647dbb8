/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/webauthn/cose-key.h"

/* Authenticator data: WebAuthn level 3, section 6.1. */

enum {
        AUTHDATA_USER_PRESENT = 1 << 0,
        AUTHDATA_USER_VERIFIED = 1 << 2,
        AUTHDATA_BACKUP_ELIGIBLE = 1 << 3,
        AUTHDATA_BACKED_UP = 1 << 4,
        AUTHDATA_ATTESTED = 1 << 6,
        AUTHDATA_EXTENSIONS = 1 << 7,
};

/* Lent by the bytes that were parsed. The last three are empty without AUTHDATA_ATTESTED. */
typedef struct AuthData {
        Span rp_id_hash;
        uint8_t flags;
        uint32_t counter;
        Span aaguid;
        Span credential_id;
        Span public_key; /* the COSE_Key */
} AuthData;

/* Returns 0, or -EBADMSG if anything is missing, left over or too long. */
int authdata_parse(Span input, AuthData *ret);

/*
 * True if this is the key's signature of authenticator data and the hash of clientDataJSON: what
 * attestations and assertions alike are signed over.
 */
bool authdata_verify(Span auth_data, Span client_data, EVP_PKEY *key, int algorithm,
                     Span signature);

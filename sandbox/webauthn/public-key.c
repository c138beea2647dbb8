/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>

#include "sandbox/webauthn/authdata.h"
#include "sandbox/webauthn/public-key.h"

const int cose_algorithms[3] = {COSE_EDDSA, COSE_ES256, COSE_RS256};

/* libfido2 parses a COSE_Key only as a part of authenticator data. */
fido_cred_t *public_key_load(Span cose_key)
{
        uint8_t header[56] = {[32] = AUTHDATA_ATTESTED, [54] = 1 /* length of the credential id */};
        size_t len = sizeof(header) + cose_key.len;
        _cleanup_(freep) uint8_t *data = must(malloc(len));
        Span key;

        memcpy(data, header, sizeof(header));
        memcpy(data + sizeof(header), cose_key.data, cose_key.len);
        return authdata_parse_credential((Span){data, len}, &key);
}

/* Labels of members; each is a bit, -1 being bit 4. */
enum {
        LABELS_COMMON = 1 << 1 /* kty */ | 1 << 3 /* alg */ | 1 << 4 | 1 << 5,
        LABELS_ES256 = LABELS_COMMON | 1 << 6 /* y */,
};

bool public_key_is_complete(const fido_cred_t *credential, const cbor_item_t *cose_key)
{
        bool es256 = fido_cred_type(credential) == COSE_ES256;
        const struct cbor_pair *members = cbor_map_handle(cose_key);
        unsigned labels = 0;

        for (size_t i = 0; i < cbor_map_size(cose_key); i++) {
                const cbor_item_t *label = members[i].key;

                if (!cbor_is_int(label) || cbor_int_get_width(label) != CBOR_INT_8 ||
                    cbor_get_uint8(label) > 3)
                        return false;
                labels |= 1u << (cbor_get_uint8(label) + (cbor_isa_negint(label) ? 4 : 0));
        }
        return labels == (es256 ? LABELS_ES256 : LABELS_COMMON) &&
               cbor_map_size(cose_key) == (es256 ? 5 : 4);
}

static int verify_es256(const void *data, size_t len, const fido_assert_t *assertion)
{
        _cleanup_(es256_pk_free) es256_pk_t *key = must(es256_pk_new());
        int r;

        r = es256_pk_from_ptr(key, data, len);
        return r != FIDO_OK || !assertion ? r : fido_assert_verify(assertion, 0, COSE_ES256, key);
}

static int verify_eddsa(const void *data, size_t len, const fido_assert_t *assertion)
{
        _cleanup_(eddsa_pk_free) eddsa_pk_t *key = must(eddsa_pk_new());
        int r;

        r = eddsa_pk_from_ptr(key, data, len);
        return r != FIDO_OK || !assertion ? r : fido_assert_verify(assertion, 0, COSE_EDDSA, key);
}

static int verify_rs256(const void *data, size_t len, const fido_assert_t *assertion)
{
        _cleanup_(rs256_pk_free) rs256_pk_t *key = must(rs256_pk_new());
        int r;

        r = rs256_pk_from_ptr(key, data, len);
        return r != FIDO_OK || !assertion ? r : fido_assert_verify(assertion, 0, COSE_RS256, key);
}

int public_key_verify(const fido_cred_t *credential, const fido_assert_t *assertion)
{
        const void *data = fido_cred_pubkey_ptr(credential);
        size_t len = fido_cred_pubkey_len(credential);

        switch (fido_cred_type(credential)) {
        case COSE_ES256:
                return verify_es256(data, len, assertion);
        case COSE_EDDSA:
                return verify_eddsa(data, len, assertion);
        case COSE_RS256:
                return verify_rs256(data, len, assertion);
        default:
                return FIDO_ERR_UNSUPPORTED_ALGORITHM;
        }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <openssl/x509.h>

#include "sandbox/webauthn/attestation.h"
#include "sandbox/webauthn/cose-key.h"

const char *attestation_parse(Span input, Attestation *ret)
{
        Attestation attestation = {};
        CborItem object;

        if (cbor_item_read(input, &object) < 0 || object.type != CBOR_MAP)
                return "attestationObject is not one CBOR map";
        if (object.value != 3 || cbor_item_get(&object, "fmt", &attestation.format) < 0 ||
            cbor_item_get(&object, "attStmt", &attestation.statement) < 0 ||
            cbor_item_get(&object, "authData", &attestation.auth_data_item) < 0 ||
            attestation.format.type != CBOR_TEXT || attestation.statement.type != CBOR_MAP ||
            attestation.auth_data_item.type != CBOR_BYTES)
                return "attestationObject does not consist of fmt, attStmt and authData";
        if (authdata_parse(attestation.auth_data_item.content, &attestation.auth_data) < 0)
                return "The authenticator data is malformed";
        if (!(attestation.auth_data.flags & AUTHDATA_ATTESTED))
                return "The authenticator data has no attested credential";
        attestation.algorithm = cose_key_algorithm(attestation.auth_data.public_key);
        if (attestation.algorithm == 0)
                return "The credential's algorithm was not offered";
        *ret = attestation;
        return NULL;
}

/* Returns the owned key of the first of a list of certificates, or NULL. */
static EVP_PKEY *certificate_key(const CborItem *certificates)
{
        Span list = certificates->content;
        const uint8_t *der;
        EVP_PKEY *key;
        CborItem first;
        X509 *x509;

        if (certificates->type != CBOR_ARRAY || cbor_item_take(&list, &first) < 0 ||
            first.type != CBOR_BYTES)
                return NULL;
        der = first.content.data;
        x509 = d2i_X509(NULL, &der, (long) first.content.len);
        key = x509 ? X509_get_pubkey(x509) : NULL;
        X509_free(x509);
        return key;
}

static int read_algorithm(const CborItem *statement)
{
        CborItem algorithm;

        if (cbor_item_get(statement, "alg", &algorithm) < 0)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(cose_algorithms); i++)
                if (cbor_item_is_int(&algorithm, cose_algorithms[i]))
                        return cose_algorithms[i];
        return 0;
}

/* Without certificates the credential signs for itself, and then by its own algorithm. */
static const char *verify_packed(const Attestation *attestation, EVP_PKEY *credential_key,
                                 Span client_data)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *other_key = NULL;
        int algorithm = read_algorithm(&attestation->statement);
        CborItem signature, certificates;
        bool self = cbor_item_get(&attestation->statement, "x5c", &certificates) < 0;

        if (!self)
                other_key = certificate_key(&certificates);
        if (cbor_item_get(&attestation->statement, "sig", &signature) < 0 ||
            signature.type != CBOR_BYTES || algorithm == 0 || (!self && !other_key) ||
            (self && algorithm != attestation->algorithm))
                return "The attestation statement is malformed";
        if (!authdata_verify(attestation->auth_data_item.content, client_data,
                             self ? credential_key : other_key, algorithm, signature.content))
                return "The attestation signature does not verify";
        return NULL;
}

const char *attestation_verify(const Attestation *attestation, Span client_data)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = cose_key_load(attestation->auth_data.public_key);

        if (!key)
                return "The credential's public key is malformed";
        if (cbor_item_is_text(&attestation->format, "packed"))
                return verify_packed(attestation, key, client_data);
        if (!cbor_item_is_text(&attestation->format, "none"))
                return "This attestation format is not supported";
        return attestation->statement.value == 0 ? NULL : "A statement of format none is empty";
}

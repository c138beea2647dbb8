/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <openssl/evp.h>

#include "sandbox/attestation.h"

const int attestation_algorithms[3] = {COSE_EDDSA, COSE_ES256, COSE_RS256};

enum { COSE_KEY_ALGORITHM = 3 };

static void fido_cred_freep(fido_cred_t **p)
{
        fido_cred_free(p);
}

/* Returns the algorithm that the COSE_Key names, or 0 if it is none of ours. */
static int key_algorithm(Span public_key)
{
        CborItem key, algorithm;

        if (cbor_read(public_key, &key) < 0 ||
            cbor_map_get_int(&key, COSE_KEY_ALGORITHM, &algorithm) < 0)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(attestation_algorithms); i++)
                if (cbor_is_int(&algorithm, attestation_algorithms[i]))
                        return attestation_algorithms[i];
        return 0;
}

const char *attestation_parse(Span input, Attestation *ret)
{
        Attestation attestation = {};
        CborItem object;

        if (cbor_read(input, &object) < 0 || object.type != CBOR_MAP)
                return "attestationObject is not one CBOR map";
        if (object.value != 3 || cbor_map_get(&object, "fmt", &attestation.format) < 0 ||
            cbor_map_get(&object, "attStmt", &attestation.statement) < 0 ||
            cbor_map_get(&object, "authData", &attestation.auth_data_item) < 0 ||
            attestation.format.type != CBOR_TEXT || attestation.statement.type != CBOR_MAP ||
            attestation.auth_data_item.type != CBOR_BYTES)
                return "attestationObject does not consist of fmt, attStmt and authData";
        if (authdata_parse(attestation.auth_data_item.content, &attestation.auth_data) < 0)
                return "The authenticator data is malformed";
        if (!(attestation.auth_data.flags & AUTHDATA_ATTESTED))
                return "The authenticator data has no attested credential";
        attestation.algorithm = key_algorithm(attestation.auth_data.public_key);
        if (attestation.algorithm == 0)
                return "The credential's algorithm was not offered";
        *ret = attestation;
        return NULL;
}

static EVP_PKEY *es256_key(const void *data, size_t len)
{
        es256_pk_t *pk = must(es256_pk_new());
        EVP_PKEY *key = NULL;

        if (es256_pk_from_ptr(pk, data, len) == FIDO_OK)
                key = es256_pk_to_EVP_PKEY(pk);
        es256_pk_free(&pk);
        return key;
}

static EVP_PKEY *rs256_key(const void *data, size_t len)
{
        rs256_pk_t *pk = must(rs256_pk_new());
        EVP_PKEY *key = NULL;

        if (rs256_pk_from_ptr(pk, data, len) == FIDO_OK)
                key = rs256_pk_to_EVP_PKEY(pk);
        rs256_pk_free(&pk);
        return key;
}

static EVP_PKEY *eddsa_key(const void *data, size_t len)
{
        eddsa_pk_t *pk = must(eddsa_pk_new());
        EVP_PKEY *key = NULL;

        if (eddsa_pk_from_ptr(pk, data, len) == FIDO_OK)
                key = eddsa_pk_to_EVP_PKEY(pk);
        eddsa_pk_free(&pk);
        return key;
}

/* A point that is not on the curve parses well as a COSE_Key, but makes no key. */
static bool key_is_usable(const fido_cred_t *cred, int algorithm)
{
        EVP_PKEY *(*make)(const void *, size_t) = algorithm == COSE_ES256   ? es256_key
                                                  : algorithm == COSE_RS256 ? rs256_key
                                                                            : eddsa_key;
        EVP_PKEY *key = make(fido_cred_pubkey_ptr(cred), fido_cred_pubkey_len(cred));

        EVP_PKEY_free(key);
        return key;
}

static const char *verify_none(const Attestation *attestation)
{
        return attestation->statement.value == 0 ? NULL : "A statement of format none is empty";
}

/* Without certificates the credential signs for itself, and then by its own algorithm. */
static const char *verify_packed(const Attestation *attestation, fido_cred_t *cred)
{
        const CborItem *statement = &attestation->statement;
        CborItem algorithm, certificates;
        bool self = cbor_map_get(statement, "x5c", &certificates) < 0;

        if (cbor_map_get(statement, "alg", &algorithm) < 0 ||
            (self && !cbor_is_int(&algorithm, attestation->algorithm)))
                return "The attestation statement is malformed";
        if (fido_cred_set_fmt(cred, "packed") != FIDO_OK ||
            fido_cred_set_attstmt(cred, statement->whole.data, statement->whole.len) != FIDO_OK)
                return "The attestation statement is malformed";
        if ((self ? fido_cred_verify_self(cred) : fido_cred_verify(cred)) != FIDO_OK)
                return "The attestation signature does not verify";
        return NULL;
}

const char *attestation_verify(const Attestation *attestation, const char *rp_id, Span client_data)
{
        _cleanup_(fido_cred_freep) fido_cred_t *cred = must(fido_cred_new());
        Span auth_data = attestation->auth_data_item.content;

        fido_init(0);
        if (fido_cred_set_type(cred, attestation->algorithm) != FIDO_OK ||
            fido_cred_set_rp(cred, rp_id, NULL) != FIDO_OK ||
            fido_cred_set_clientdata(cred, client_data.data, client_data.len) != FIDO_OK ||
            fido_cred_set_authdata_raw(cred, auth_data.data, auth_data.len) != FIDO_OK ||
            !key_is_usable(cred, attestation->algorithm))
                return "The credential's public key is malformed";
        if (cbor_is_text(&attestation->format, "none"))
                return verify_none(attestation);
        if (cbor_is_text(&attestation->format, "packed"))
                return verify_packed(attestation, cred);
        return "This attestation format is not supported";
}

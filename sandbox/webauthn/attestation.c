/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/webauthn/attestation.h"
#include "sandbox/webauthn/base64url.h"
#include "sandbox/webauthn/public-key.h"

/* Members of an attestation object, lent. */
typedef struct Attestation {
        const cbor_item_t *format, *statement, *auth_data;
} Attestation;

static bool read_members(const cbor_item_t *object, Attestation *ret)
{
        *ret = (Attestation){
                .format = cbor_map_get(object, "fmt"),
                .statement = cbor_map_get(object, "attStmt"),
                .auth_data = cbor_map_get(object, "authData"),
        };
        return cbor_map_size(object) == 3 && ret->format && cbor_isa_string(ret->format) &&
               ret->statement && cbor_isa_map(ret->statement) &&
               cbor_map_is_definite(ret->statement) && ret->auth_data &&
               cbor_isa_bytestring(ret->auth_data) && cbor_bytestring_is_definite(ret->auth_data);
}

/* Returns one of the offered algorithms, or 0. */
static int statement_algorithm(const cbor_item_t *statement)
{
        const cbor_item_t *algorithm = cbor_map_get(statement, "alg");

        if (!algorithm || !cbor_isa_negint(algorithm))
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(cose_algorithms); i++)
                if (cbor_get_int(algorithm) == (uint64_t) (-1 - cose_algorithms[i]))
                        return cose_algorithms[i];
        return 0;
}

/*
 * libfido2 accepts a missing algorithm, algorithms that are not offered, and a self attestation
 * with another algorithm than the credential's: refuse these.
 */
static const char *verify_packed(const Ceremony *ceremony, const cbor_item_t *statement,
                                 Span client_data, fido_cred_t *credential)
{
        _cleanup_(freep) unsigned char *encoded = NULL;
        int algorithm = statement_algorithm(statement);
        bool self = !cbor_map_get(statement, "x5c");
        size_t size, len;

        len = cbor_serialize_alloc(statement, &encoded, &size);
        if (algorithm == 0 || (self && algorithm != fido_cred_type(credential)) || len == 0 ||
            fido_cred_set_attstmt(credential, encoded, len) != FIDO_OK)
                return "Failed to parse the attestation statement: malformed";
        if (fido_cred_set_fmt(credential, "packed") != FIDO_OK ||
            fido_cred_set_rp(credential, ceremony->rp_id, NULL) != FIDO_OK ||
            fido_cred_set_clientdata(credential, client_data.data, client_data.len) != FIDO_OK ||
            (self ? fido_cred_verify_self : fido_cred_verify)(credential) != FIDO_OK)
                return "Failed to verify the attestation signature";
        return NULL;
}

static const char *verify_statement(const Ceremony *ceremony, const Attestation *attestation,
                                    Span client_data, fido_cred_t *credential)
{
        if (cbor_text_equals(attestation->format, "packed"))
                return verify_packed(ceremony, attestation->statement, client_data, credential);
        if (!cbor_text_equals(attestation->format, "none"))
                return "Unsupported attestation format";
        return cbor_map_size(attestation->statement) == 0
                       ? NULL
                       : "The attestation statement of format none must be empty";
}

const char *attestation_verify(const Ceremony *ceremony, Span input, Span client_data,
                               fido_cred_t **ret, char **ret_cose_key)
{
        _cleanup_(cbor_decrefp) cbor_item_t *object = cbor_map_take(&input);
        _cleanup_(fido_cred_free) fido_cred_t *credential = NULL;
        Attestation attestation;
        const char *problem;
        Span auth_data, cose_key;

        if (!object || input.len > 0)
                return "attestationObject must be one CBOR map";
        if (!read_members(object, &attestation))
                return "attestationObject must have exactly fmt, attStmt and authData";
        auth_data = (Span){cbor_bytestring_handle(attestation.auth_data),
                           cbor_bytestring_length(attestation.auth_data)};
        credential = authdata_parse_credential(auth_data, &cose_key);
        if (!credential)
                return "Failed to parse the authenticator data: malformed, or algorithm not "
                       "offered";
        problem = authdata_check(auth_data, ceremony);
        if (problem)
                return problem;
        problem = verify_statement(ceremony, &attestation, client_data, credential);
        if (problem)
                return problem;
        *ret_cose_key = base64url_encode(cose_key.data, cose_key.len);
        *ret = TAKE_PTR(credential);
        return NULL;
}

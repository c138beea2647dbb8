/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <openssl/sha.h>
#include <stdio.h>

#include "sandbox/webauthn/attestation.h"
#include "sandbox/webauthn/base64url.h"
#include "sandbox/webauthn/ceremony.h"
#include "sandbox/webauthn/client-data.h"

static const char *const transport_names[] = {"ble", "hybrid", "internal",  "nfc",
                                              "usb", "cable",  "smart-card"};

Credential *credential_free(Credential *credential)
{
        if (!credential)
                return NULL;
        free(credential->id);
        free(credential->public_key);
        json_decref(credential->transports);
        free(credential);
        return NULL;
}

/* The decoded, binary members of a response. */
typedef struct Evidence {
        uint8_t *client_data, *attestation, *auth_data, *signature;
        size_t client_data_len, attestation_len, auth_data_len, signature_len;
} Evidence;

static void evidence_done(Evidence *evidence)
{
        free(evidence->client_data);
        free(evidence->attestation);
        free(evidence->auth_data);
        free(evidence->signature);
}

static int decode(const char *text, uint8_t **ret, size_t *ret_len)
{
        return text ? base64url_decode(text, ret, ret_len) : -1;
}

const char *ceremony_credential_id(const json_t *response, const char **ret)
{
        const char *id = json_text(response, "id"), *raw_id = json_text(response, "rawId");
        const char *type = json_text(response, "type");
        _cleanup_(freep) uint8_t *bytes = NULL;
        size_t len;

        if (!type || !streq(type, "public-key"))
                return "response.type must be public-key";
        if (!id || !raw_id || !streq(id, raw_id))
                return "response.id and response.rawId must be the same string";
        if (!json_is_object(json_object_get(response, "clientExtensionResults")))
                return "response.clientExtensionResults must be an object";
        if (decode(id, &bytes, &len) < 0 || len == 0)
                return "response.id must be base64url";
        *ret = id;
        return NULL;
}

/* Reads clientDataJSON and has it checked. */
static const char *read_client_data(const Ceremony *ceremony, const char *type,
                                    const json_t *response, Evidence *evidence)
{
        const char *text = json_text(json_object_get(response, "response"), "clientDataJSON");

        if (decode(text, &evidence->client_data, &evidence->client_data_len) < 0)
                return "response.response.clientDataJSON must be base64url";
        return client_data_check((Span){evidence->client_data, evidence->client_data_len}, type,
                                 ceremony);
}

static const char *check_auth_data(const Ceremony *ceremony, const AuthData *data)
{
        uint8_t hash[SHA256_DIGEST_LENGTH];

        SHA256((const uint8_t *) ceremony->rp_id, strlen(ceremony->rp_id), hash);
        if (memcmp(data->rp_id_hash.data, hash, sizeof(hash)) != 0)
                return "The credential is for another relying party";
        if (!(data->flags & AUTHDATA_USER_PRESENT))
                return "The user was not present";
        if (ceremony->user_verification_required && !(data->flags & AUTHDATA_USER_VERIFIED))
                return "The user was not verified";
        if ((data->flags & AUTHDATA_BACKED_UP) && !(data->flags & AUTHDATA_BACKUP_ELIGIBLE))
                return "A credential that cannot be backed up is backed up";
        return NULL;
}

static bool is_known_transport(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(transport_names); i++)
                if (streq(name, transport_names[i]))
                        return true;
        return false;
}

static bool contains(const json_t *array, const char *text)
{
        for (size_t i = 0; i < json_array_size(array); i++)
                if (streq(json_string_value(json_array_get(array, i)), text))
                        return true;
        return false;
}

/* Browsers may name transports that clients of the API do not know: those are left out. */
static const char *read_transports(const json_t *response, json_t **ret)
{
        _cleanup_(json_decrefp) json_t *known = must(json_array());
        const json_t *named = json_object_get(json_object_get(response, "response"), "transports");

        if (named && !json_is_array(named))
                return "response.response.transports must be an array";
        for (size_t i = 0; i < json_array_size(named); i++) {
                json_t *item = json_array_get(named, i);
                const char *name = json_string_value(item);

                if (!name)
                        return "response.response.transports must hold strings";
                if (is_known_transport(name) && !contains(known, name))
                        json_array_append(known, item);
        }
        *ret = TAKE_PTR(known);
        return NULL;
}

static void format_aaguid(Span aaguid, char *ret)
{
        size_t n = 0;

        for (size_t i = 0; i < aaguid.len; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        ret[n++] = '-';
                n += (size_t) sprintf(ret + n, "%02x", aaguid.data[i]);
        }
}

static Credential *credential_new(const AuthData *data)
{
        Credential *credential = must(calloc(1, sizeof(*credential)));

        credential->id = base64url_encode(data->credential_id.data, data->credential_id.len);
        credential->public_key = base64url_encode(data->public_key.data, data->public_key.len);
        format_aaguid(data->aaguid, credential->aaguid);
        credential->counter = data->counter;
        credential->user_verified = data->flags & AUTHDATA_USER_VERIFIED;
        credential->backup_eligible = data->flags & AUTHDATA_BACKUP_ELIGIBLE;
        credential->backed_up = data->flags & AUTHDATA_BACKED_UP;
        return credential;
}

const char *ceremony_verify_registration(const Ceremony *ceremony, const json_t *response,
                                         Credential **ret)
{
        _cleanup_(evidence_done) Evidence evidence = {};
        _cleanup_(credential_freep) Credential *credential = NULL;
        const json_t *inner = json_object_get(response, "response");
        Attestation attestation;
        const char *problem, *id;

        problem = ceremony_credential_id(response, &id);
        if (problem)
                return problem;
        problem = read_client_data(ceremony, "webauthn.create", response, &evidence);
        if (problem)
                return problem;
        if (decode(json_text(inner, "attestationObject"), &evidence.attestation,
                   &evidence.attestation_len) < 0)
                return "response.response.attestationObject must be base64url";
        problem = attestation_parse((Span){evidence.attestation, evidence.attestation_len},
                                    &attestation);
        if (problem)
                return problem;
        problem = check_auth_data(ceremony, &attestation.auth_data);
        if (problem)
                return problem;
        problem = attestation_verify(&attestation,
                                     (Span){evidence.client_data, evidence.client_data_len});
        if (problem)
                return problem;
        credential = credential_new(&attestation.auth_data);
        if (!streq(credential->id, id))
                return "response.id is not the id of the new credential";
        problem = read_transports(response, &credential->transports);
        if (problem)
                return problem;
        *ret = TAKE_PTR(credential);
        return NULL;
}

static const char *verify_signature(const Evidence *evidence, const char *public_key)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(freep) uint8_t *cose_key = NULL;
        size_t len;

        if (base64url_decode(public_key, &cose_key, &len) == 0)
                key = cose_key_load((Span){cose_key, len});
        if (!key)
                return "The credential's public key is malformed";
        if (!authdata_verify((Span){evidence->auth_data, evidence->auth_data_len},
                             (Span){evidence->client_data, evidence->client_data_len}, key,
                             cose_key_algorithm((Span){cose_key, len}),
                             (Span){evidence->signature, evidence->signature_len}))
                return "The signature does not verify";
        return NULL;
}

const char *ceremony_verify_authentication(const Ceremony *ceremony, const json_t *response,
                                           const char *public_key, Assertion *ret)
{
        _cleanup_(evidence_done) Evidence evidence = {};
        const json_t *inner = json_object_get(response, "response");
        const char *problem;
        AuthData data;

        problem = read_client_data(ceremony, "webauthn.get", response, &evidence);
        if (problem)
                return problem;
        if (decode(json_text(inner, "authenticatorData"), &evidence.auth_data,
                   &evidence.auth_data_len) < 0 ||
            authdata_parse((Span){evidence.auth_data, evidence.auth_data_len}, &data) < 0)
                return "The authenticator data is malformed";
        if (decode(json_text(inner, "signature"), &evidence.signature, &evidence.signature_len) < 0)
                return "response.response.signature must be base64url";
        problem = check_auth_data(ceremony, &data);
        if (problem)
                return problem;
        problem = verify_signature(&evidence, public_key);
        if (problem)
                return problem;
        *ret = (Assertion){
                .counter = data.counter,
                .user_verified = data.flags & AUTHDATA_USER_VERIFIED,
                .backup_eligible = data.flags & AUTHDATA_BACKUP_ELIGIBLE,
                .backed_up = data.flags & AUTHDATA_BACKED_UP,
        };
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "sandbox/webauthn/attestation.h"
#include "sandbox/webauthn/base64url.h"
#include "sandbox/webauthn/ceremony.h"
#include "sandbox/webauthn/public-key.h"

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

/* Decoded members of a response. */
typedef struct Evidence {
        Span client_data, attestation, auth_data, signature;
} Evidence;

static void evidence_done(Evidence *evidence)
{
        span_free(&evidence->client_data);
        span_free(&evidence->attestation);
        span_free(&evidence->auth_data);
        span_free(&evidence->signature);
}

static int decode(const char *text, Span *ret)
{
        uint8_t *data;
        size_t len;
        int r;

        r = text ? base64url_decode(text, &data, &len) : -EINVAL;
        if (r == 0)
                *ret = (Span){data, len};
        return r;
}

const char *ceremony_credential_id(const json_t *response, const char **ret)
{
        const char *id = json_text(response, "id"), *raw_id = json_text(response, "rawId");
        const char *type = json_text(response, "type");
        _cleanup_(span_free) Span bytes = {};

        if (!type || !streq(type, "public-key"))
                return "response.type must be public-key";
        if (!id || !raw_id || !streq(id, raw_id))
                return "response.id and response.rawId must be the same string";
        if (!json_is_object(json_object_get(response, "clientExtensionResults")))
                return "response.clientExtensionResults must be an object";
        if (decode(id, &bytes) < 0 || bytes.len == 0)
                return "response.id must be base64url";
        *ret = id;
        return NULL;
}

static bool is_string(const json_t *object, const char *key, const char *expected)
{
        const char *value = json_string_value(json_object_get(object, key));

        return value && streq(value, expected);
}

/* Checks type, challenge and origin in clientDataJSON, and refuses cross-origin frames. */
static const char *check_client_data(Span json, const char *type, const Ceremony *ceremony)
{
        _cleanup_(json_decrefp) json_t *data = NULL;
        const json_t *cross_origin;

        data = json_loadb((const char *) json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(data))
                return "clientDataJSON must be a JSON object";
        if (!is_string(data, "type", type))
                return "Wrong type in clientDataJSON";
        if (!is_string(data, "challenge", ceremony->challenge))
                return "Wrong challenge in clientDataJSON";
        if (!is_string(data, "origin", ceremony->origin))
                return "Wrong origin in clientDataJSON: options requested by another origin";
        cross_origin = json_object_get(data, "crossOrigin");
        if ((cross_origin && !json_is_false(cross_origin)) || json_object_get(data, "topOrigin"))
                return "Cross-origin ceremonies are not allowed";
        return NULL;
}

static const char *read_client_data(const Ceremony *ceremony, const char *type,
                                    const json_t *response, Evidence *evidence)
{
        const char *text = json_text(json_object_get(response, "response"), "clientDataJSON");

        if (decode(text, &evidence->client_data) < 0)
                return "response.response.clientDataJSON must be base64url";
        return check_client_data(evidence->client_data, type, ceremony);
}

static bool is_known_transport(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(transport_names); i++)
                if (streq(name, transport_names[i]))
                        return true;
        return false;
}

/* Drops transports that API clients do not know. */
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
                if (is_known_transport(name) && !json_array_contains(known, name))
                        json_array_append(known, item);
        }
        *ret = TAKE_PTR(known);
        return NULL;
}

static void format_aaguid(const uint8_t *aaguid, char *ret)
{
        size_t n = 0;

        for (size_t i = 0; i < 16; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        ret[n++] = '-';
                n += (size_t) sprintf(ret + n, "%02x", aaguid[i]);
        }
}

static Credential *credential_new(const fido_cred_t *data, char *public_key)
{
        Credential *credential = must(calloc(1, sizeof(*credential)));
        uint8_t flags = fido_cred_flags(data);

        credential->id = base64url_encode(fido_cred_id_ptr(data), fido_cred_id_len(data));
        credential->public_key = public_key;
        format_aaguid(fido_cred_aaguid_ptr(data), credential->aaguid);
        credential->counter = fido_cred_sigcount(data);
        credential->user_verified = flags & AUTHDATA_USER_VERIFIED;
        credential->backup_eligible = flags & AUTHDATA_BACKUP_ELIGIBLE;
        credential->backed_up = flags & AUTHDATA_BACKED_UP;
        return credential;
}

const char *ceremony_verify_registration(const Ceremony *ceremony, const json_t *response,
                                         Credential **ret)
{
        _cleanup_(evidence_done) Evidence evidence = {};
        _cleanup_(credential_freep) Credential *credential = NULL;
        _cleanup_(fido_cred_free) fido_cred_t *data = NULL;
        const json_t *inner = json_object_get(response, "response");
        const char *problem, *id;
        char *public_key;

        problem = ceremony_credential_id(response, &id);
        if (problem)
                return problem;
        problem = read_client_data(ceremony, "webauthn.create", response, &evidence);
        if (problem)
                return problem;
        if (decode(json_text(inner, "attestationObject"), &evidence.attestation) < 0)
                return "response.response.attestationObject must be base64url";
        problem = attestation_verify(ceremony, evidence.attestation, evidence.client_data, &data,
                                     &public_key);
        if (problem)
                return problem;
        credential = credential_new(data, public_key);
        if (!streq(credential->id, id))
                return "response.id must be the id of the new credential";
        problem = read_transports(response, &credential->transports);
        if (problem)
                return problem;
        *ret = TAKE_PTR(credential);
        return NULL;
}

static const char *verify_signature(const Ceremony *ceremony, const Evidence *evidence,
                                    const char *public_key, fido_assert_t *assertion)
{
        _cleanup_(fido_cred_free) fido_cred_t *credential = NULL;
        _cleanup_(span_free) Span cose_key = {};

        if (decode(public_key, &cose_key) == 0)
                credential = public_key_load(cose_key);
        if (!credential)
                return "Failed to load the public key of the credential: malformed";
        if (fido_assert_set_rp(assertion, ceremony->rp_id) != FIDO_OK ||
            fido_assert_set_clientdata(assertion, evidence->client_data.data,
                                       evidence->client_data.len) != FIDO_OK ||
            fido_assert_set_sig(assertion, 0, evidence->signature.data, evidence->signature.len) !=
                    FIDO_OK ||
            public_key_verify(credential, assertion) != FIDO_OK)
                return "Failed to verify the signature";
        return NULL;
}

const char *ceremony_verify_authentication(const Ceremony *ceremony, const json_t *response,
                                           const char *public_key, Assertion *ret)
{
        _cleanup_(evidence_done) Evidence evidence = {};
        _cleanup_(fido_assert_free) fido_assert_t *assertion = NULL;
        const json_t *inner = json_object_get(response, "response");
        const char *problem;
        uint8_t flags;

        problem = read_client_data(ceremony, "webauthn.get", response, &evidence);
        if (problem)
                return problem;
        if (decode(json_text(inner, "authenticatorData"), &evidence.auth_data) == 0)
                assertion = authdata_parse_assertion(evidence.auth_data);
        if (!assertion)
                return "Failed to parse the authenticator data: malformed";
        if (decode(json_text(inner, "signature"), &evidence.signature) < 0)
                return "response.response.signature must be base64url";
        problem = authdata_check(evidence.auth_data, ceremony);
        if (problem)
                return problem;
        problem = verify_signature(ceremony, &evidence, public_key, assertion);
        if (problem)
                return problem;
        flags = fido_assert_flags(assertion, 0);
        *ret = (Assertion){
                .counter = fido_assert_sigcount(assertion, 0),
                .user_verified = flags & AUTHDATA_USER_VERIFIED,
                .backup_eligible = flags & AUTHDATA_BACKUP_ELIGIBLE,
                .backed_up = flags & AUTHDATA_BACKED_UP,
        };
        return NULL;
}

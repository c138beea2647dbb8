/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Ceremonies, as the sandbox verifies them. The first byte selects the input:
 *
 *        {    a recorded ceremony: the format of tests/data/webauthn
 *        c    client data, of a registration without attestation
 *        a    an attestation object, with matching client data
 *        d    authenticator data of a registration
 *        s    authenticator data of an authentication
 *        k    a COSE_Key
 *        m    a CBOR map
 */

#include <assert.h>
#include <stdio.h>

#include "sandbox/webauthn/attestation.h"
#include "sandbox/webauthn/base64url.h"
#include "sandbox/webauthn/ceremony.h"
#include "sandbox/webauthn/public-key.h"

#define CHALLENGE "Y2hhbGxlbmdl"
#define ORIGIN    "http://localhost:8080"
#define RP_ID     "localhost"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libcbor allocates the announced size of an array, without touching the memory: malloc() must fail
 * instead of aborting. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
        return "allocator_may_return_null=1:max_allocation_size_mb=64";
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        (void) argc;
        (void) argv;
        json_object_seed(1);
        fido_init(0);
        return 0;
}

static const Ceremony ceremony = {.challenge = CHALLENGE, .origin = ORIGIN, .rp_id = RP_ID};

/* The COSE_Key of a verified credential can be loaded. */
static void check_key(const char *public_key)
{
        _cleanup_(fido_cred_free) fido_cred_t *key = NULL;
        uint8_t *bytes;
        size_t len;

        assert(base64url_decode(public_key, &bytes, &len) == 0);
        key = public_key_load((Span){bytes, len});
        assert(key);
        free(bytes);
}

static void check_credential(const Credential *credential)
{
        _cleanup_(freep) uint8_t *id = NULL;
        const json_t *transport;
        size_t i, len;

        assert(base64url_decode(credential->id, &id, &len) == 0 && len >= 1 && len <= 1023);
        assert(strlen(credential->aaguid) == 36);
        assert(!credential->backed_up || credential->backup_eligible);
        json_array_foreach(credential->transports, i, transport)
                assert(json_is_string(transport));
        check_key(credential->public_key);
}

/* A registration, or an authentication with its key in `publicKey`. */
static void fuzz_ceremony(const char *text, size_t len)
{
        _cleanup_(json_decrefp) json_t *root = json_loadb(text, len, 0, NULL);
        _cleanup_(credential_freep) Credential *credential = NULL;
        const json_t *response = json_object_get(root, "response");
        const char *public_key = json_text(root, "publicKey"), *problem;
        const Ceremony recorded = {
                .challenge = json_text(json_object_get(root, "options"), "challenge"),
                .origin = json_text(root, "origin"),
                .rp_id = json_text(root, "rpId"),
                .user_verification_required = true,
        };
        Assertion assertion;

        if (!recorded.challenge || !recorded.origin || !recorded.rp_id)
                return;
        if (public_key) {
                problem =
                        ceremony_verify_authentication(&recorded, response, public_key, &assertion);
                assert(problem || assertion.user_verified);
                return;
        }
        problem = ceremony_verify_registration(&recorded, response, &credential);
        assert(!problem == !!credential);
        if (credential) {
                check_credential(credential);
                assert(credential->user_verified);
                /* Not for another origin. */
                credential = credential_free(credential);
                assert(ceremony_verify_registration(&ceremony, response, &credential));
        }
}

static json_t *make_response(const char *id, Span client_data, Span attestation)
{
        _cleanup_(freep) char *json = base64url_encode(client_data.data, client_data.len);
        _cleanup_(freep) char *object = base64url_encode(attestation.data, attestation.len);

        return json_pack("{s:s, s:s, s:s, s:{}, s:{s:s, s:s, s:[s, s]}}", "type", "public-key",
                         "id", id, "rawId", id, "clientExtensionResults", "response",
                         "clientDataJSON", json, "attestationObject", object, "transports", "usb",
                         "x");
}

static Span span_of(const char *text)
{
        return (Span){(const uint8_t *) text, strlen(text)};
}

static const char client_data[] = "{\"type\":\"webauthn.create\",\"challenge\":\"" CHALLENGE
                                  "\",\"origin\":\"" ORIGIN "\",\"crossOrigin\":false}";

static void fuzz_client_data(Span json)
{
        _cleanup_(json_decrefp) json_t *response = make_response("AA", json, (Span){});
        _cleanup_(credential_freep) Credential *credential = NULL;

        assert(ceremony_verify_registration(&ceremony, response, &credential));
}

static void fuzz_attestation(Span object)
{
        _cleanup_(json_decrefp) json_t *response = NULL;
        _cleanup_(credential_freep) Credential *credential = NULL;
        _cleanup_(fido_cred_free) fido_cred_t *data = NULL;
        _cleanup_(freep) char *cose_key = NULL, *id = NULL;
        const char *problem;

        problem = attestation_verify(&ceremony, object, span_of(client_data), &data, &cose_key);
        if (problem)
                return;
        check_key(cose_key);
        id = base64url_encode(fido_cred_id_ptr(data), fido_cred_id_len(data));
        response = make_response(id, span_of(client_data), object);
        assert(response && !ceremony_verify_registration(&ceremony, response, &credential));
        check_credential(credential);
        assert(json_array_size(credential->transports) == 1);
}

static void fuzz_registration_data(Span input)
{
        _cleanup_(fido_cred_free) fido_cred_t *credential = NULL;
        _cleanup_(fido_cred_free) fido_cred_t *key = NULL;
        Span cose_key;

        credential = authdata_parse_credential(input, &cose_key);
        if (!credential)
                return;
        (void) authdata_check(input, &ceremony);
        assert(cose_key.data > input.data && cose_key.len < input.len);
        assert(cose_key.data + cose_key.len <= input.data + input.len);
        key = public_key_load(cose_key);
        assert(key && fido_cred_type(key) == fido_cred_type(credential));
        assert(fido_cred_pubkey_len(key) == fido_cred_pubkey_len(credential));
}

static void fuzz_authentication_data(Span input)
{
        _cleanup_(fido_assert_free) fido_assert_t *assertion = authdata_parse_assertion(input);

        if (assertion)
                (void) authdata_check(input, &ceremony);
}

/* The key does not accept a signature of zeros. */
static void fuzz_key(Span cose_key)
{
        static const uint8_t auth_data[37] = {[32] = AUTHDATA_USER_PRESENT}, signature[64];
        _cleanup_(fido_cred_free) fido_cred_t *key = public_key_load(cose_key);
        _cleanup_(fido_assert_free) fido_assert_t *assertion = NULL;

        if (!key)
                return;
        assertion = authdata_parse_assertion((Span){auth_data, sizeof(auth_data)});
        assert(assertion);
        assert(fido_assert_set_rp(assertion, RP_ID) == FIDO_OK);
        assert(fido_assert_set_clientdata(assertion, signature, 1) == FIDO_OK);
        assert(fido_assert_set_sig(assertion, 0, signature, sizeof(signature)) == FIDO_OK);
        assert(public_key_verify(key, assertion) != FIDO_OK);
}

static void fuzz_map(Span input)
{
        Span rest = input;
        _cleanup_(cbor_decrefp) cbor_item_t *map = cbor_map_take(&rest);

        if (!map)
                return;
        assert(rest.len < input.len && rest.data + rest.len == input.data + input.len);
        (void) cbor_map_get(map, "fmt");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Span rest = {data + 1, size - 1};

        if (size == 0)
                return 0;
        switch (*data) {
        case '{':
                fuzz_ceremony((const char *) data, size);
                break;
        case 'c':
                fuzz_client_data(rest);
                break;
        case 'a':
                fuzz_attestation(rest);
                break;
        case 'd':
                fuzz_registration_data(rest);
                break;
        case 's':
                fuzz_authentication_data(rest);
                break;
        case 'k':
                fuzz_key(rest);
                break;
        case 'm':
                fuzz_map(rest);
                break;
        }
        return 0;
}

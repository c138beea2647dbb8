/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <openssl/sha.h>

#include "sandbox/webauthn/authdata.h"
#include "sandbox/webauthn/public-key.h"

enum {
        FLAGS_AT = SHA256_DIGEST_LENGTH,
        HEADER_LEN = FLAGS_AT + 1 + 4,
        CREDENTIAL_ID_AT = HEADER_LEN + 16 + 2,
        CREDENTIAL_ID_MAX = 1023,
};

/* Takes the extension outputs; an empty map without the flag. Returns false if malformed. */
static bool take_extensions(Span *rest, uint8_t flags, cbor_item_t **ret)
{
        *ret = flags & AUTHDATA_EXTENSIONS ? cbor_map_take(rest) : cbor_new_definite_map(0);
        return *ret;
}

/*
 * libfido2 verifies a signature only if the extension outputs are as expected. Pages may request
 * extensions on their own, so expect the outputs that are present.
 */
static int extension_mask(const cbor_item_t *extensions)
{
        static const struct {
                const char *name;
                int bit;
        } known[] = {
                {"hmac-secret", FIDO_EXT_HMAC_SECRET},
                {"credBlob", FIDO_EXT_CRED_BLOB},
        };
        int mask = 0;

        for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
                const cbor_item_t *output = cbor_map_get(extensions, known[i].name);

                if (output && !(cbor_is_bool(output) && !cbor_get_bool(output)))
                        mask |= known[i].bit;
        }
        return mask;
}

static void expect_extensions(fido_cred_t *credential, const cbor_item_t *extensions)
{
        const cbor_item_t *protection = cbor_map_get(extensions, "credProtect");
        const cbor_item_t *pin_len = cbor_map_get(extensions, "minPinLength");

        fido_cred_set_extensions(credential, extension_mask(extensions));
        if (protection && cbor_isa_uint(protection))
                fido_cred_set_prot(credential, (int) cbor_get_int(protection));
        if (pin_len && cbor_isa_uint(pin_len))
                fido_cred_set_pin_minlen(credential, cbor_get_int(pin_len));
}

/* libfido2 parses a key only if the algorithm is as expected: try each offered algorithm. */
static fido_cred_t *parse_offered(Span input)
{
        for (size_t i = 0; i < ARRAY_SIZE(cose_algorithms); i++) {
                _cleanup_(fido_cred_free) fido_cred_t *credential = must(fido_cred_new());

                if (fido_cred_set_type(credential, cose_algorithms[i]) == FIDO_OK &&
                    fido_cred_set_authdata_raw(credential, input.data, input.len) == FIDO_OK)
                        return TAKE_PTR(credential);
        }
        return NULL;
}

fido_cred_t *authdata_parse_credential(Span input, Span *ret_cose_key)
{
        _cleanup_(fido_cred_free) fido_cred_t *credential = parse_offered(input);
        _cleanup_(cbor_decrefp) cbor_item_t *key = NULL, *extensions = NULL;
        Span rest, cose_key;
        size_t id_len;

        if (!credential)
                return NULL;
        id_len = fido_cred_id_len(credential);
        if (id_len < 1 || id_len > CREDENTIAL_ID_MAX)
                return NULL;
        cose_key = rest = span_from(input, CREDENTIAL_ID_AT + id_len);
        key = cbor_map_take(&rest);
        if (!key || !public_key_is_complete(credential, key) ||
            public_key_verify(credential, NULL) != FIDO_OK)
                return NULL;
        cose_key.len -= rest.len;
        if (!take_extensions(&rest, fido_cred_flags(credential), &extensions) || rest.len > 0)
                return NULL;
        expect_extensions(credential, extensions);
        *ret_cose_key = cose_key;
        return TAKE_PTR(credential);
}

fido_assert_t *authdata_parse_assertion(Span input)
{
        _cleanup_(fido_assert_free) fido_assert_t *assertion = must(fido_assert_new());
        _cleanup_(cbor_decrefp) cbor_item_t *extensions = NULL;
        uint8_t flags;
        Span rest;

        if (fido_assert_set_count(assertion, 1) != FIDO_OK ||
            fido_assert_set_authdata_raw(assertion, 0, input.data, input.len) != FIDO_OK)
                return NULL;
        flags = fido_assert_flags(assertion, 0);
        rest = span_from(input, HEADER_LEN);
        if ((flags & AUTHDATA_ATTESTED) || !take_extensions(&rest, flags, &extensions) ||
            rest.len > 0)
                return NULL;
        fido_assert_set_extensions(assertion, extension_mask(extensions));
        return TAKE_PTR(assertion);
}

const char *authdata_check(Span input, const Ceremony *ceremony)
{
        uint8_t hash[SHA256_DIGEST_LENGTH], flags = input.data[FLAGS_AT];

        SHA256((const uint8_t *) ceremony->rp_id, strlen(ceremony->rp_id), hash);
        if (memcmp(input.data, hash, sizeof(hash)) != 0)
                return "Wrong RP ID hash: credential of another relying party";
        if (!(flags & AUTHDATA_USER_PRESENT))
                return "User not present: UP flag not set";
        if (ceremony->user_verification_required && !(flags & AUTHDATA_USER_VERIFIED))
                return "User not verified: UV flag not set";
        if ((flags & AUTHDATA_BACKED_UP) && !(flags & AUTHDATA_BACKUP_ELIGIBLE))
                return "Invalid flags: backed up (BS) but not backup eligible (BE)";
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/id-token/id-token.h"
#include "daemon/id-token/jws.h"
#include "daemon/json/json.h"
#include "daemon/model/valid.h"

/*
 * A compact JWS: three base64url parts, separated by dots. The header only selects among our own
 * keys and algorithms. cjose verifies the signature and nothing else, on input that passed these
 * checks: it aborts on some malformed base64. Claims are parsed from the signed bytes. Checking
 * them by hand is a dozen lines; a JWT library would bring its own key and algorithm policy.
 */

#define ISSUER "passlock.dev"

/* Beyond this, milliseconds exceed what JSON can represent. */
#define SECONDS_END UINT64_C(9007199254740)

/* Allowed clock skew of the issuer. */
#define ISSUED_AHEAD_MS (60U * 1000)

typedef struct Header {
        json_t *root;
        const char *kid, *alg; /* in the former */
} Header;

static void header_clear(Header *header)
{
        json_decref(header->root);
}

/* Refuse embedded keys and critical extensions: the issuer uses neither. */
static bool header_is_plain(const json_t *header)
{
        static const char *const refused[] = {"crit", "jwk", "jku", "x5c", "x5u"};

        for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
                if (json_object_get(header, refused[i]))
                        return false;
        return true;
}

static int read_header(const char *text, size_t len, Header *ret)
{
        _cleanup_(header_clear) Header header = {};
        _cleanup_(freep) uint8_t *bytes = NULL;
        size_t n_bytes;
        int r;

        r = jws_base64url_decode(text, len, &bytes, &n_bytes);
        if (r == 0)
                r = json_read_object((const char *) bytes, n_bytes, &header.root);
        if (r != 0)
                return r;
        header.kid = json_string_value(json_object_get(header.root, "kid"));
        header.alg = json_string_value(json_object_get(header.root, "alg"));
        if (!id_is_valid(header.kid) || !jws_alg_is_allowed(header.alg) ||
            !header_is_plain(header.root))
                return ERROR_INVALID_TOKEN;

        *ret = TAKE(header, (Header){});
        return 0;
}

/* Checks that need no key. */
static int read_structure(const char *token, Header *ret)
{
        const char *claims, *signature;

        if (!id_token_is_valid(token))
                return ERROR_INVALID_TOKEN;
        claims = strchr(token, '.');
        signature = claims ? strchr(claims + 1, '.') : NULL;
        if (!signature || !jws_base64url_is_valid(claims + 1, (size_t) (signature - claims) - 1) ||
            !jws_base64url_is_valid(signature + 1, strlen(signature + 1)))
                return ERROR_INVALID_TOKEN;
        return read_header(token, (size_t) (claims - token), ret);
}

/* Whole seconds. */
static int read_claim_time(const json_t *claims, const char *key, uint64_t *ret_ms)
{
        uint64_t seconds;
        int r;

        r = json_read_number(claims, key, &seconds);
        if (r != 0)
                return r;
        if ((double) seconds != json_number_value(json_object_get(claims, key)) ||
            seconds >= SECONDS_END)
                return ERROR_INVALID_TOKEN;
        *ret_ms = seconds * 1000;
        return 0;
}

static int check_claim_times(const json_t *claims, uint64_t now_ms, Principal *principal)
{
        uint64_t not_before_ms = 0;
        int r;

        r = read_claim_time(claims, "iat", &principal->created_at_ms);
        if (r == 0)
                r = read_claim_time(claims, "exp", &principal->expires_at_ms);
        if (r == 0 && json_object_get(claims, "nbf"))
                r = read_claim_time(claims, "nbf", &not_before_ms);
        if (r != 0)
                return r;
        return principal->expires_at_ms > now_ms && not_before_ms <= now_ms &&
                               principal->created_at_ms <= now_ms + ISSUED_AHEAD_MS
                       ? 0
                       : ERROR_INVALID_TOKEN;
}

static int read_claim_identity(const json_t *claims, Principal *principal)
{
        int r;

        r = json_read_text(claims, "jti", id_is_valid, &principal->id);
        if (r == 0)
                r = json_read_text(claims, "sub", user_id_is_valid, &principal->user_id);
        if (r == 0)
                r = json_read_text(claims, "a:id", id_is_valid, &principal->authenticator_id);
        if (r == 0)
                r = json_read_text(claims, "a:typ", id_is_valid, &principal->authenticator_type);
        if (r == 0)
                r = json_read_bool(claims, "pk:uv", &principal->user_verified);
        return r;
}

static int read_claims(const json_t *claims, const char *tenancy_id, uint64_t now_ms,
                       Principal **ret)
{
        _cleanup_(principal_freep) Principal *principal = NULL;
        int r;

        if (!json_has_text(claims, "iss", ISSUER) || !json_has_text(claims, "aud", tenancy_id) ||
            !json_has_text(claims, "a:typ", "passkey"))
                return ERROR_INVALID_TOKEN;
        principal = principal_new();
        if (!principal)
                return -ENOMEM;
        principal->verified = true;
        r = read_claim_identity(claims, principal);
        if (r == 0)
                r = check_claim_times(claims, now_ms, principal);
        if (r != 0)
                return r;

        *ret = TAKE_PTR(principal);
        return 0;
}

/* The reason of a refusal is not disclosed. */
static int claims_error(int r)
{
        return r > 0 ? ERROR_INVALID_TOKEN : r;
}

int id_token_read_kid(const char *token, char **ret)
{
        _cleanup_(header_clear) Header header = {};
        char *kid;
        int r;

        r = read_structure(token, &header);
        if (r != 0)
                return claims_error(r);
        kid = strdup(header.kid);
        if (!kid)
                return -ENOMEM;
        *ret = kid;
        return 0;
}

int id_token_verify(const char *token, const KeySet *key_set, const char *tenancy_id,
                    uint64_t now_ms, Principal **ret)
{
        _cleanup_(header_clear) Header header = {};
        _cleanup_(freep) uint8_t *payload = NULL;
        json_auto_t *claims = NULL;
        size_t payload_len;
        int r;

        r = read_structure(token, &header);
        if (r == 0)
                r = key_set_verify(key_set, header.kid, header.alg, token, &payload, &payload_len);
        if (r == 0)
                r = json_read_object((const char *) payload, payload_len, &claims);
        if (r == 0)
                r = read_claims(claims, tenancy_id, now_ms, ret);
        return claims_error(r);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * id_tokens. The first byte selects the input:
 *
 *        t    a token, verified with the key of a signed token
 *        c    claims, as if they were signed
 */

#include <openssl/evp.h>
#include <stdio.h>

#include "daemon/id-token/id-token.h"
#include "daemon/id-token/jws.h"
#include "daemon/json/json.h"
#include "daemon/model/valid.h"
#include "tests/fuzz/fuzz.h"

#define TENANCY "sbx4k9t2m7q1w8e"
#define KID     "sandbox-2026-01"
#define NOW_MS  UINT64_C(1767225700000)

/* The public key of an issuer whose private key is not known. */
static const char keys[] =
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"sTRzTTMill98KGbzHbEbEd35O3IueLbSWqvGVLb3W4QFihiWAHspl"
        "bhvZ9t5G4lsEeiQm-J6Clvq82cmnoa2tgawHEzJBmNd2oQzhAdkPTY92F3p2ON7wF9oanw8IFR7KxviVNS5Uyv0wl7"
        "EODD0EYiZFWN-pxqLiS-Y4HAl_unlsi5Oz_1SGzxwojMKtFqsOm4Oh1PCqsVfXhG6hQGHqlQdAXxtppvOpV6HXxlx3"
        "89GSK9230al8_8feLuqngagmDMawAREmdzHWff4iFKJqe0SIJQv4PHbn3SGWz_KgIM6W_rxpKdx2Db9G42Qt00kxOF"
        "U7YAAjc35Cbtn8Kxp-Q\",\"e\":\"AQAB\",\"kid\":\"" KID "\"}]}";

/* The signing input of the token that this key has signed. */
static const char signed_head[] =
        "eyJhbGciOiJSUzI1NiIsImtpZCI6InNhbmRib3gtMjAyNi0wMSIsInR5cCI6IkpXVCJ9."
        "eyJhOmlkIjoicGs1ZDh3Mm42cjB0M3liIiwiYTp0eXAiOiJwYXNza2V5IiwicGs6dXYiOnRydWUsImlzcyI6InBhc3"
        "Nsb2NrLmRldiIsImF1ZCI6InNieDRrOXQybTdxMXc4ZSIsInN1YiI6InVzZXItNDIiLCJqdGkiOiJwcjF4N2M1djli"
        "M24ybXEiLCJpYXQiOjE3NjcyMjU2MDAsImV4cCI6NDEwMjQ0NDgwMH0.";

static KeySet *key_set;

int LLVMFuzzerInitialize(int *argc _unused_, char ***argv _unused_)
{
        json_object_seed(1);
        json_wipe_memory();
        return key_set_parse(keys, &key_set);
}

/* Instead of a signature of the claims. */
static bool trust;
int __real_key_set_verify(const KeySet *set, const char *kid, const char *alg, const char *token,
                          uint8_t **ret, size_t *ret_len);
int __wrap_key_set_verify(const KeySet *set, const char *kid, const char *alg, const char *token,
                          uint8_t **ret, size_t *ret_len);
int __wrap_key_set_verify(const KeySet *set, const char *kid, const char *alg, const char *token,
                          uint8_t **ret, size_t *ret_len)
{
        const char *claims = strchr(token, '.') + 1;

        if (!trust)
                return __real_key_set_verify(set, kid, alg, token, ret, ret_len);
        return jws_base64url_decode(claims, strcspn(claims, "."), ret, ret_len);
}

static void check_principal(const Principal *p)
{
        assert(id_is_valid(p->id) && user_id_is_valid(p->user_id));
        assert(id_is_valid(p->authenticator_id) && streq(p->authenticator_type, "passkey"));
        assert(p->verified && !p->platform_name && !p->ip_address && !p->user_agent);
        assert(p->expires_at_ms > NOW_MS && p->expires_at_ms <= TIME_MS_MAX);
        assert(p->created_at_ms <= NOW_MS + 60000);
}

/* Only the signed token passes, for its tenancy, until it expires. */
static void fuzz_token(const char *token)
{
        _cleanup_(principal_freep) Principal *principal = NULL, *other = NULL;
        _cleanup_(freep) char *kid = NULL;
        int r, r_kid;

        r = id_token_verify(token, key_set, TENANCY, NOW_MS, &principal);
        assert(r == 0 || r == ERROR_INVALID_TOKEN);
        assert((r == 0) == (principal != NULL));
        r_kid = id_token_read_kid(token, &kid);
        assert(r_kid == 0 ? id_is_valid(kid) : r_kid == ERROR_INVALID_TOKEN && r != 0);
        if (r != 0)
                return;
        check_principal(principal);
        assert(streq(kid, KID));
        assert(strncmp(token, signed_head, strlen(signed_head)) == 0);
        assert(id_token_verify(token, key_set, "other", NOW_MS, &other) == ERROR_INVALID_TOKEN);
        assert(id_token_verify(token, key_set, TENANCY, principal->expires_at_ms, &other) ==
               ERROR_INVALID_TOKEN);
}

static char *make_token(const uint8_t *claims, size_t size)
{
        size_t len_max = 4 * (size / 3 + 1) + 1;
        _cleanup_(freep) char *text = malloc(len_max);
        char *token = NULL;

        assert(text);
        EVP_EncodeBlock((unsigned char *) text, claims, (int) size);
        for (char *c = text; *c; c++)
                *c = *c == '+' ? '-' : *c == '/' ? '_' : *c == '=' ? '\0' : *c;
        assert(asprintf(&token, "%.*s.%s.AA", (int) strcspn(signed_head, "."), signed_head, text) >
               0);
        return token;
}

static void fuzz_claims(const uint8_t *claims, size_t size)
{
        _cleanup_(principal_freep) Principal *principal = NULL;
        _cleanup_(freep) char *token = make_token(claims, size);
        json_auto_t *root = NULL;
        int r;

        trust = true;
        r = id_token_verify(token, key_set, TENANCY, NOW_MS, &principal);
        trust = false;
        assert(r == 0 || r == ERROR_INVALID_TOKEN);
        if (r != 0)
                return;
        check_principal(principal);
        assert(json_read_object((const char *) claims, size, &root) == 0);
        assert(json_has_text(root, "iss", "passlock.dev") && json_has_text(root, "aud", TENANCY));
        assert(json_has_text(root, "sub", principal->user_id));
        /* Not accepted without the signature. */
        assert(id_token_verify(token, key_set, TENANCY, NOW_MS, &principal) == ERROR_INVALID_TOKEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(freep) char *token = NULL;

        if (size == 0)
                return 0;
        if (*data == 't') {
                token = fuzz_text(data + 1, size - 1);
                fuzz_token(token);
        } else if (*data == 'c')
                fuzz_claims(data + 1, size - 1);
        return 0;
}

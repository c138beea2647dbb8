/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <cjose/cjose.h>
#include <errno.h>
#include <openssl/err.h>

#include "daemon/id-token/jws.h"
#include "daemon/id-token/key-set.h"
#include "daemon/json/json.h"
#include "daemon/model/valid.h"

#define KEYS_MAX         256U
#define MODULUS_BITS_MIN 2048U
#define MODULUS_BITS_MAX 8192U
#define EXPONENT_LEN_MAX 8U

typedef struct Jwk {
        char *kid;
        char *alg; /* NULL: any allowed one */
        cjose_jwk_t *jwk;
} Jwk;

struct KeySet {
        Jwk *keys;
        size_t n_keys;
};

static void key_clear(Jwk *key)
{
        free(key->kid);
        free(key->alg);
        cjose_jwk_release(key->jwk);
        *key = (Jwk){};
}

KeySet *key_set_free(KeySet *key_set)
{
        if (!key_set)
                return NULL;
        for (size_t i = 0; i < key_set->n_keys; i++)
                key_clear(&key_set->keys[i]);
        free(key_set->keys);
        free(key_set);
        return NULL;
}

static bool may_verify(const json_t *jwk)
{
        const json_t *operations = json_object_get(jwk, "key_ops"), *operation;
        size_t i;

        if (json_object_get(jwk, "use") && !json_has_text(jwk, "use", "sig"))
                return false;
        if (!operations)
                return true;
        json_array_foreach(operations, i, operation) {
                if (streq_ptr(json_string_value(operation), "verify"))
                        return true;
        }
        return false;
}

/* Ambiguous: two keys have the same kid. */
static bool is_alone(const json_t *jwks, size_t index, const char *kid)
{
        const json_t *jwk;
        size_t i;

        json_array_foreach(jwks, i, jwk) {
                if (i != index && json_has_text(jwk, "kid", kid))
                        return false;
        }
        return true;
}

static int decode_member(const json_t *jwk, const char *key, uint8_t **ret, size_t *ret_len)
{
        const json_t *value = json_object_get(jwk, key);

        if (!json_is_string(value))
                return ERROR_INVALID_TOKEN;
        return jws_base64url_decode(json_string_value(value), json_string_length(value), ret,
                                    ret_len);
}

static size_t n_bits(const uint8_t *number, size_t len)
{
        for (; len > 0; number++, len--)
                if (*number != 0)
                        return len * 8 - (size_t) (__builtin_clz(*number) - 24);
        return 0;
}

static bool rsa_is_sound(const cjose_jwk_rsa_keyspec *rsa)
{
        size_t bits = n_bits(rsa->n, rsa->nlen);

        /* With exponent 1 anybody can forge signatures. */
        return bits >= MODULUS_BITS_MIN && bits <= MODULUS_BITS_MAX &&
               rsa->elen <= EXPONENT_LEN_MAX && n_bits(rsa->e, rsa->elen) > 1 &&
               (rsa->e[rsa->elen - 1] & 1) != 0;
}

/* Imports the public part only. Also ERROR_INVALID_TOKEN for an unusable key. */
static int make_rsa(const json_t *jwk, cjose_jwk_t **ret)
{
        _cleanup_(freep) uint8_t *n = NULL, *e = NULL;
        cjose_jwk_rsa_keyspec rsa = {};
        cjose_err error = {};
        int r;

        r = decode_member(jwk, "n", &n, &rsa.nlen);
        if (r == 0)
                r = decode_member(jwk, "e", &e, &rsa.elen);
        if (r != 0)
                return r;
        rsa.n = n;
        rsa.e = e;
        if (!rsa_is_sound(&rsa))
                return ERROR_INVALID_TOKEN;
        *ret = cjose_jwk_create_RSA_spec(&rsa, &error);
        if (!*ret)
                return error.code == CJOSE_ERR_NO_MEMORY ? -ENOMEM : ERROR_INVALID_TOKEN;
        return 0;
}

static bool jwk_is_usable(const json_t *jwks, size_t i)
{
        const json_t *jwk = json_array_get(jwks, i), *alg = json_object_get(jwk, "alg");
        const char *kid = json_string_value(json_object_get(jwk, "kid"));

        return id_is_valid(kid) && is_alone(jwks, i, kid) && json_has_text(jwk, "kty", "RSA") &&
               (!alg || jws_alg_is_allowed(json_string_value(alg))) && may_verify(jwk);
}

/* Returns 0 for a skipped key as well. */
static int add_key(KeySet *key_set, const json_t *jwks, size_t i)
{
        const json_t *jwk = json_array_get(jwks, i);
        const char *alg = json_string_value(json_object_get(jwk, "alg"));
        Jwk *key = &key_set->keys[key_set->n_keys];
        int r;

        if (!jwk_is_usable(jwks, i))
                return 0;
        r = make_rsa(jwk, &key->jwk);
        if (r != 0)
                return r < 0 ? r : 0;
        key_set->n_keys++;
        key->kid = strdup(json_string_value(json_object_get(jwk, "kid")));
        key->alg = alg ? strdup(alg) : NULL;
        return !key->kid || (alg && !key->alg) ? -ENOMEM : 0;
}

int key_set_parse(const char *text, KeySet **ret)
{
        _cleanup_(key_set_freep) KeySet *key_set = NULL;
        json_auto_t *root = NULL;
        const json_t *jwks;
        int r;

        r = json_read_object(text, strlen(text), &root);
        if (r != 0)
                return r;
        jwks = json_object_get(root, "keys");
        if (!json_is_array(jwks) || json_array_size(jwks) > KEYS_MAX)
                return ERROR_MALFORMED_REPLY;

        key_set = calloc(1, sizeof(KeySet));
        if (!key_set)
                return -ENOMEM;
        key_set->keys = calloc(json_array_size(jwks) + 1, sizeof(Jwk));
        if (!key_set->keys)
                return -ENOMEM;
        for (size_t i = 0; i < json_array_size(jwks); i++) {
                r = add_key(key_set, jwks, i);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(key_set);
        return 0;
}

static const Jwk *find_key(const KeySet *key_set, const char *kid)
{
        for (size_t i = 0; i < key_set->n_keys; i++)
                if (streq(key_set->keys[i].kid, kid))
                        return &key_set->keys[i];
        return NULL;
}

bool key_set_has(const KeySet *key_set, const char *kid)
{
        return find_key(key_set, kid);
}

static void jws_freep(cjose_jws_t **jws)
{
        cjose_jws_release(*jws);
}

static int verify_signature(const cjose_jwk_t *jwk, const char *token, uint8_t **ret,
                            size_t *ret_len)
{
        _cleanup_(jws_freep) cjose_jws_t *jws = NULL;
        uint8_t *payload, *copy;
        cjose_err error = {};
        size_t len;

        jws = cjose_jws_import(token, strlen(token), &error);
        if (!jws || !cjose_jws_verify(jws, jwk, &error)) {
                /* libcurl would misread entries left in OpenSSL's error queue. */
                ERR_clear_error();
                return error.code == CJOSE_ERR_NO_MEMORY ? -ENOMEM : ERROR_INVALID_TOKEN;
        }
        if (!cjose_jws_get_plaintext(jws, &payload, &len, &error))
                return ERROR_INVALID_TOKEN;
        copy = malloc(len + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, payload, len);
        *ret = copy;
        *ret_len = len;
        return 0;
}

int key_set_verify(const KeySet *key_set, const char *kid, const char *alg, const char *token,
                   uint8_t **ret, size_t *ret_len)
{
        const Jwk *key = find_key(key_set, kid);

        if (!key || (key->alg && !streq(key->alg, alg)))
                return ERROR_INVALID_TOKEN;
        return verify_signature(key->jwk, token, ret, ret_len);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <cjose/cjose.h>
#include <errno.h>

#include "sandbox/tenancy/random.h"
#include "sandbox/tenancy/signer.h"

enum {
        KEY_BITS = 2048,
        KEY_ID_LEN = 6, /* random bytes */
};

struct Signer {
        cjose_jwk_t *key;
};

static json_t *key_to_json(const cjose_jwk_t *key, bool private)
{
        _cleanup_(freep) char *text = must(cjose_jwk_to_json(key, private, NULL));

        return must(json_loads(text, 0, NULL));
}

static cjose_jwk_t *key_generate(void)
{
        static const uint8_t exponent[] = {1, 0, 1};
        _cleanup_(freep) char *id = random_text("sandbox-", KEY_ID_LEN);
        cjose_jwk_t *key;

        key = must(cjose_jwk_create_RSA_random(KEY_BITS, exponent, sizeof(exponent), NULL));
        if (!cjose_jwk_set_kid(key, id, strlen(id), NULL))
                abort();
        return key;
}

static cjose_jwk_t *key_load(json_t *saved)
{
        _cleanup_(freep) char *text = json_dumps(saved, 0);
        const char *id, *d;

        if (json_unpack(saved, "{s:s, s:s}", "kid", &id, "d", &d) < 0 || !text)
                return NULL;
        return cjose_jwk_import(text, strlen(text), NULL);
}

int signer_new(json_t *saved, Signer **ret)
{
        _cleanup_(signer_freep) Signer *signer = must(calloc(1, sizeof(*signer)));

        signer->key = saved ? key_load(saved) : key_generate();
        if (!signer->key || cjose_jwk_get_kty(signer->key, NULL) != CJOSE_JWK_KTY_RSA ||
            cjose_jwk_get_keysize(signer->key, NULL) != KEY_BITS)
                return -EBADMSG;
        *ret = TAKE_PTR(signer);
        return 0;
}

Signer *signer_free(Signer *signer)
{
        if (!signer)
                return NULL;
        if (signer->key)
                cjose_jwk_release(signer->key);
        free(signer);
        return NULL;
}

json_t *signer_save(const Signer *signer)
{
        return key_to_json(signer->key, true);
}

json_t *signer_key_set(const Signer *signer)
{
        json_t *key = key_to_json(signer->key, false);

        json_object_set_new(key, "alg", json_string("RS256"));
        json_object_set_new(key, "use", json_string("sig"));
        return must(json_pack("{s:[o]}", "keys", key));
}

static cjose_header_t *header_new(const Signer *signer)
{
        cjose_header_t *header = must(cjose_header_new(NULL));

        if (!cjose_header_set(header, CJOSE_HDR_ALG, CJOSE_HDR_ALG_RS256, NULL) ||
            !cjose_header_set(header, CJOSE_HDR_KID, cjose_jwk_get_kid(signer->key, NULL), NULL) ||
            !cjose_header_set(header, "typ", "JWT", NULL))
                abort();
        return header;
}

char *signer_sign(const Signer *signer, const json_t *claims)
{
        _cleanup_(freep) char *text = must(json_dumps(claims, JSON_COMPACT));
        cjose_header_t *header = header_new(signer);
        cjose_jws_t *jws;
        const char *compact;
        char *token;

        jws = must(cjose_jws_sign(signer->key, header, (const uint8_t *) text, strlen(text), NULL));
        if (!cjose_jws_export(jws, &compact, NULL))
                abort();
        token = must(strdup(compact));
        cjose_jws_release(jws);
        cjose_header_release(header);
        return token;
}

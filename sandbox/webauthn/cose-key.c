/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>

#include "sandbox/webauthn/cose-key.h"

const int cose_algorithms[3] = {COSE_EDDSA, COSE_ES256, COSE_RS256};

/* Labels of members. Those below zero depend on the key type. */
enum {
        LABEL_TYPE = 1,
        LABEL_ALGORITHM = 3,
        LABEL_CURVE = -1,
        LABEL_X = -2,
        LABEL_Y = -3,
        LABEL_N = -1,
        LABEL_E = -2,
};

static bool has_int(const CborItem *map, int64_t label, int64_t value)
{
        CborItem item;

        return cbor_item_get_int(map, label, &item) == 0 && cbor_item_is_int(&item, value);
}

/* Appends the bytes of a member, of exactly this length, to a buffer. */
static bool append(const CborItem *map, int64_t label, size_t len, uint8_t *buffer, size_t *n)
{
        CborItem item;

        if (cbor_item_get_int(map, label, &item) < 0 || item.type != CBOR_BYTES ||
            item.content.len != len)
                return false;
        memcpy(buffer + *n, item.content.data, len);
        *n += len;
        return true;
}

static EVP_PKEY *es256_load(const CborItem *map)
{
        es256_pk_t *pk = NULL;
        EVP_PKEY *key = NULL;
        uint8_t point[64];
        size_t n = 0;

        if (!has_int(map, LABEL_TYPE, COSE_KTY_EC2) || !has_int(map, LABEL_CURVE, COSE_P256) ||
            !append(map, LABEL_X, 32, point, &n) || !append(map, LABEL_Y, 32, point, &n))
                return NULL;
        pk = must(es256_pk_new());
        if (es256_pk_from_ptr(pk, point, n) == FIDO_OK)
                key = es256_pk_to_EVP_PKEY(pk);
        es256_pk_free(&pk);
        return key;
}

static EVP_PKEY *eddsa_load(const CborItem *map)
{
        eddsa_pk_t *pk = NULL;
        EVP_PKEY *key = NULL;
        uint8_t point[32];
        size_t n = 0;

        if (!has_int(map, LABEL_TYPE, COSE_KTY_OKP) || !has_int(map, LABEL_CURVE, COSE_ED25519) ||
            !append(map, LABEL_X, 32, point, &n))
                return NULL;
        pk = must(eddsa_pk_new());
        if (eddsa_pk_from_ptr(pk, point, n) == FIDO_OK)
                key = eddsa_pk_to_EVP_PKEY(pk);
        eddsa_pk_free(&pk);
        return key;
}

/* 2048 bits, which is what authenticators make. */
static EVP_PKEY *rs256_load(const CborItem *map)
{
        rs256_pk_t *pk = NULL;
        EVP_PKEY *key = NULL;
        uint8_t numbers[256 + 3];
        size_t n = 0;

        if (!has_int(map, LABEL_TYPE, COSE_KTY_RSA) || !append(map, LABEL_N, 256, numbers, &n) ||
            !append(map, LABEL_E, 3, numbers, &n))
                return NULL;
        pk = must(rs256_pk_new());
        if (rs256_pk_from_ptr(pk, numbers, n) == FIDO_OK)
                key = rs256_pk_to_EVP_PKEY(pk);
        rs256_pk_free(&pk);
        return key;
}

int cose_key_algorithm(Span cose_key)
{
        CborItem map;

        if (cbor_item_read(cose_key, &map) < 0)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(cose_algorithms); i++)
                if (has_int(&map, LABEL_ALGORITHM, cose_algorithms[i]))
                        return cose_algorithms[i];
        return 0;
}

EVP_PKEY *cose_key_load(Span cose_key)
{
        CborItem map;

        if (cbor_item_read(cose_key, &map) < 0)
                return NULL;
        switch (cose_key_algorithm(cose_key)) {
        case COSE_ES256:
                return es256_load(&map);
        case COSE_EDDSA:
                return eddsa_load(&map);
        case COSE_RS256:
                return rs256_load(&map);
        default:
                return NULL;
        }
}

static int key_type(int algorithm)
{
        return algorithm == COSE_ES256   ? EVP_PKEY_EC
               : algorithm == COSE_EDDSA ? EVP_PKEY_ED25519
               : algorithm == COSE_RS256 ? EVP_PKEY_RSA
                                         : EVP_PKEY_NONE;
}

bool cose_verify(EVP_PKEY *key, int algorithm, Span message, Span signature)
{
        /* Ed25519 hashes by itself. */
        const EVP_MD *hash = algorithm == COSE_EDDSA ? NULL : EVP_sha256();
        EVP_MD_CTX *context;
        bool good;

        if (key_type(algorithm) == EVP_PKEY_NONE || EVP_PKEY_base_id(key) != key_type(algorithm))
                return false;
        context = must(EVP_MD_CTX_new());
        good = EVP_DigestVerifyInit(context, NULL, hash, NULL, key) == 1 &&
               EVP_DigestVerify(context, signature.data, signature.len, message.data,
                                message.len) == 1;
        EVP_MD_CTX_free(context);
        return good;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "tests/unit/daemon/id-token/token-signer.h"
#include "tests/unit/test.h"

EVP_PKEY *signer_generate(unsigned bits)
{
        EVP_PKEY *key = EVP_RSA_gen(bits);

        assert_non_null(key);
        return key;
}

char *base64url(const void *bytes, size_t len)
{
        unsigned char *text = malloc(4 * (len / 3 + 1) + 1);

        assert_non_null(text);
        EVP_EncodeBlock(text, bytes, (int) len);
        for (char *c = (char *) text; *c; c++) {
                if (*c == '+')
                        *c = '-';
                else if (*c == '/')
                        *c = '_';
                else if (*c == '=')
                        *c = '\0';
        }
        return (char *) text;
}

char *signer_modulus(const EVP_PKEY *key)
{
        _cleanup_(freep) unsigned char *bytes = NULL;
        BIGNUM *n = NULL;
        int len;

        assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n), 1);
        bytes = malloc((size_t) BN_num_bytes(n));
        assert_non_null(bytes);
        len = BN_bn2bin(n, bytes);
        BN_free(n);
        return base64url(bytes, (size_t) len);
}

char *signer_jwk(const EVP_PKEY *key, const char *more)
{
        _cleanup_(freep) char *modulus = signer_modulus(key);
        char *text = NULL;

        assert_true(asprintf(&text, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"%s}", modulus,
                             more) > 0);
        return text;
}

static char *signing_input(const char *header, const char *claims)
{
        _cleanup_(freep) char *first = base64url(header, strlen(header));
        _cleanup_(freep) char *second = base64url(claims, strlen(claims));
        char *text = NULL;

        assert_true(asprintf(&text, "%s.%s", first, second) > 0);
        return text;
}

static char *join(const char *input, const void *signature, size_t len)
{
        _cleanup_(freep) char *third = base64url(signature, len);
        char *token = NULL;

        assert_true(asprintf(&token, "%s.%s", input, third) > 0);
        return token;
}

static char *sign(EVP_PKEY *key, bool pss, const EVP_MD *digest, int salt_len, const char *header,
                  const char *claims)
{
        _cleanup_(freep) char *input = signing_input(header, claims);
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        unsigned char signature[1024];
        size_t len = sizeof(signature);
        EVP_PKEY_CTX *options;

        assert_int_equal(EVP_DigestSignInit(context, &options, digest, NULL, key), 1);
        if (pss) {
                assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING), 1);
                assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, salt_len), 1);
        }
        assert_int_equal(EVP_DigestSign(context, signature, &len, (const unsigned char *) input,
                                        strlen(input)),
                         1);
        EVP_MD_CTX_free(context);
        return join(input, signature, len);
}

char *signer_sign(EVP_PKEY *key, const char *alg, const char *header, const char *claims)
{
        const EVP_MD *digest = streq(alg + 2, "256")   ? EVP_sha256()
                               : streq(alg + 2, "384") ? EVP_sha384()
                                                       : EVP_sha512();

        return sign(key, alg[0] == 'P', digest, RSA_PSS_SALTLEN_DIGEST, header, claims);
}

char *signer_sign_salted(EVP_PKEY *key, int salt_len, const char *header, const char *claims)
{
        return sign(key, true, EVP_sha256(), salt_len, header, claims);
}

char *signer_sign_hmac(const void *secret, size_t secret_len, const char *header,
                       const char *claims)
{
        _cleanup_(freep) char *input = signing_input(header, claims);
        unsigned char signature[EVP_MAX_MD_SIZE];
        unsigned len;

        assert_non_null(HMAC(EVP_sha256(), secret, (int) secret_len, (const unsigned char *) input,
                             strlen(input), signature, &len));
        return join(input, signature, len);
}

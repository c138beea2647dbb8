/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/evp.h>

#include "base/macro.h"

/* Signs valid and forged tokens. The caller frees all results. */

/* Generates an RSA key. */
EVP_PKEY *signer_generate(unsigned bits);

char *base64url(const void *bytes, size_t len);

/* The modulus; the exponent is the usual one, "AQAB". */
char *signer_modulus(const EVP_PKEY *key);
/* A public JWK: kty, n, e, and the members in `more`, which begins with a comma or is empty. */
char *signer_jwk(const EVP_PKEY *key, const char *more);

/* Signs both texts as they are, by one of RS256, RS384, RS512, PS256, PS384, PS512, whatever the
 * header says. */
char *signer_sign(EVP_PKEY *key, const char *alg, const char *header, const char *claims);
/* Signs by PS256 with a salt of the wrong length. */
char *signer_sign_salted(EVP_PKEY *key, int salt_len, const char *header, const char *claims);
/* By HS256. */
char *signer_sign_hmac(const void *secret, size_t secret_len, const char *header,
                       const char *claims);

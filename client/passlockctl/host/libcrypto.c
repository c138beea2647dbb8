/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "client/passlockctl/host/dynamic-library.h"
#include "client/passlockctl/host/libcrypto.h"

static __typeof__(EVP_sha256) *sym_EVP_sha256;
static __typeof__(HMAC) *sym_HMAC;

const EVP_MD *EVP_sha256(void)
{
        return sym_EVP_sha256();
}

unsigned char *HMAC(const EVP_MD *md, const void *key, int key_len, const unsigned char *data,
                    size_t data_len, unsigned char *mac, unsigned *mac_len)
{
        return sym_HMAC(md, key, key_len, data, data_len, mac, mac_len);
}

int libcrypto_load(const char **ret_error)
{
        static const DynamicSymbol symbols[] = {
                {"EVP_sha256", (void **) &sym_EVP_sha256},
                {"HMAC", (void **) &sym_HMAC},
        };

        return dynamic_library_load("libcrypto.so.3", symbols, ARRAY_SIZE(symbols), ret_error);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "dbus/key-proof.h"

bool key_proof_nonce_is_valid(const char *nonce)
{
        size_t len = strspn(nonce, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789_-");

        return len >= KEY_PROOF_NONCE_MIN && len <= KEY_PROOF_NONCE_MAX && nonce[len] == '\0';
}

int key_proof(const Secret *key, const char *nonce, char ret_proof[static KEY_PROOF_LEN + 1])
{
        char message[sizeof(KEY_PROOF_PREFIX) + KEY_PROOF_NONCE_MAX];
        unsigned char mac[EVP_MAX_MD_SIZE];
        unsigned mac_len;
        int n;

        if (!key_proof_nonce_is_valid(nonce))
                return -EINVAL;
        n = snprintf(message, sizeof(message), KEY_PROOF_PREFIX "%s", nonce);
        if (!HMAC(EVP_sha256(), secret_reveal(key), (int) secret_len(key),
                  (const unsigned char *) message, (size_t) n, mac, &mac_len))
                return -ENOMEM;
        assert(mac_len * 2 == KEY_PROOF_LEN);
        for (unsigned i = 0; i < mac_len; i++)
                snprintf(ret_proof + (size_t) 2 * i, 3, "%02x", mac[i]);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "sandbox/webauthn/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *base64url_encode(const void *data, size_t len)
{
        const uint8_t *in = data;
        char *text = must(malloc(len / 3 * 4 + 4)), *out = text;
        uint32_t bits = 0;
        unsigned n_bits = 0;

        for (size_t i = 0; i < len; i++) {
                bits = bits << 8 | in[i];
                for (n_bits += 8; n_bits >= 6; n_bits -= 6)
                        *out++ = alphabet[bits >> (n_bits - 6) & 63];
        }
        if (n_bits > 0)
                *out++ = alphabet[bits << (6 - n_bits) & 63];
        *out = '\0';
        return text;
}

int base64url_decode(const char *text, uint8_t **ret_data, size_t *ret_len)
{
        size_t len = strlen(text), n = 0;
        _cleanup_(freep) uint8_t *data = must(malloc(len / 4 * 3 + 3));
        uint32_t bits = 0;
        unsigned n_bits = 0;

        for (size_t i = 0; i < len; i++) {
                const char *at = strchr(alphabet, text[i]);

                if (!at)
                        return -EINVAL;
                bits = bits << 6 | (uint32_t) (at - alphabet);
                n_bits += 6;
                if (n_bits >= 8) {
                        n_bits -= 8;
                        data[n++] = (uint8_t) (bits >> n_bits);
                }
        }
        if (n_bits >= 6 || (bits & ((1u << n_bits) - 1)) != 0)
                return -EINVAL;
        *ret_data = TAKE_PTR(data);
        *ret_len = n;
        return 0;
}

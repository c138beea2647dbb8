/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/etcd/base64.h"

#define INVALID 64U

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t len, char *ret_text)
{
        const uint8_t *in = data;
        char *out = ret_text;
        uint32_t bits;
        size_t n;

        for (size_t i = 0; i < len; i += n) {
                n = len - i < 3 ? len - i : 3;
                bits = (uint32_t) in[i] << 16;
                if (n > 1)
                        bits |= (uint32_t) in[i + 1] << 8;
                if (n > 2)
                        bits |= in[i + 2];
                *out++ = alphabet[bits >> 18];
                *out++ = alphabet[bits >> 12 & 63];
                *out++ = '=';
                *out++ = '=';
                if (n > 1)
                        out[-2] = alphabet[bits >> 6 & 63];
                if (n > 2)
                        out[-1] = alphabet[bits & 63];
        }
        *out = '\0';
}

/* The value of a character, or INVALID. */
static uint32_t value_of(char c)
{
        if (c >= 'A' && c <= 'Z')
                return (uint32_t) (c - 'A');
        if (c >= 'a' && c <= 'z')
                return (uint32_t) (c - 'a') + 26;
        if (c >= '0' && c <= '9')
                return (uint32_t) (c - '0') + 52;
        return c == '+' ? 62 : c == '/' ? 63 : INVALID;
}

/* Returns the number of '=' at the end, at most two. */
static size_t padding_len(const char *text, size_t len)
{
        if (len == 0 || text[len - 1] != '=')
                return 0;
        return text[len - 2] == '=' ? 2 : 1;
}

int base64_decode(const char *text, size_t text_len, void *ret_data, size_t *ret_len)
{
        size_t n_text, n = 0;
        uint32_t bits = 0, value;
        unsigned n_bits = 0;
        uint8_t *out = ret_data;

        if (text_len % 4 != 0)
                return -EINVAL;
        n_text = text_len - padding_len(text, text_len);
        for (size_t i = 0; i < n_text; i++) {
                value = value_of(text[i]);
                if (value == INVALID)
                        return -EINVAL;
                bits = bits << 6 | value;
                n_bits += 6;
                if (n_bits >= 8) {
                        n_bits -= 8;
                        out[n++] = (uint8_t) (bits >> n_bits);
                }
        }
        if ((bits & ((1U << n_bits) - 1)) != 0)
                return -EINVAL;
        *ret_len = n;
        return 0;
}

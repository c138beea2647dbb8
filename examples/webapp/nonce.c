/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

#include "examples/webapp/nonce.h"

int nonce_make(char *hex, size_t len)
{
        static const char digits[] = "0123456789abcdef";
        unsigned char bytes[NONCE_LEN_MAX / 2];

        if (getrandom(bytes, len / 2, 0) != (ssize_t) (len / 2))
                return -EIO;
        for (size_t i = 0; i < len / 2; i++) {
                hex[2 * i] = digits[bytes[i] >> 4];
                hex[2 * i + 1] = digits[bytes[i] & 15];
        }
        hex[len] = '\0';
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate/signature.h"

size_t signature_first_len(const char *signature)
{
        size_t n = strspn(signature, "a"), depth = 0;

        do {
                depth += signature[n] == '(' || signature[n] == '{';
                depth -= signature[n] == ')' || signature[n] == '}';
                n++;
        } while (depth > 0);
        return n;
}

const char *signature_first(const char *signature, char ret[static SIGNATURE_SIZE])
{
        size_t n = signature_first_len(signature);

        assert(n < SIGNATURE_SIZE);
        memcpy(ret, signature, n);
        ret[n] = '\0';
        return signature + n;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <cjose/cjose.h>
#include <errno.h>

#include "daemon/id-token/jws.h"
#include "dbus/error.h"

bool jws_alg_is_allowed(const char *alg)
{
        static const char *const allowed[] = {"RS256", "PS256", "PS384", "PS512"};

        for (size_t i = 0; alg && i < ARRAY_SIZE(allowed); i++)
                if (streq(alg, allowed[i]))
                        return true;
        return false;
}

/* Unused bits of the last character must be zero. */
bool jws_base64url_is_valid(const char *text, size_t len)
{
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "abcdefghijklmnopqrstuvwxyz"
                                       "0123456789-_";
        static const int spare[] = {0x00, 0x3f, 0x0f, 0x03};

        if (len == 0 || len % 4 == 1 || strspn(text, alphabet) < len)
                return false;
        return ((strchr(alphabet, text[len - 1]) - alphabet) & spare[len % 4]) == 0;
}

int jws_base64url_decode(const char *text, size_t len, uint8_t **ret, size_t *ret_len)
{
        cjose_err error = {};

        if (!jws_base64url_is_valid(text, len))
                return ERROR_INVALID_TOKEN;
        if (!cjose_base64url_decode(text, len, ret, ret_len, &error))
                return error.code == CJOSE_ERR_NO_MEMORY ? -ENOMEM : ERROR_INVALID_TOKEN;
        return 0;
}

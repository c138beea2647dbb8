/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <openssl/rand.h>
#include <stdio.h>

#include "sandbox/tenancy/random.h"
#include "sandbox/webauthn/base64url.h"

void random_bytes(void *data, size_t len)
{
        if (RAND_bytes(data, (int) len) != 1)
                abort();
}

char *random_text(const char *prefix, size_t len)
{
        uint8_t data[64];
        _cleanup_(freep) char *text = NULL;
        char *all;

        if (len > sizeof(data))
                abort();
        random_bytes(data, len);
        text = base64url_encode(data, len);
        if (asprintf(&all, "%s%s", prefix, text) < 0)
                abort();
        return all;
}

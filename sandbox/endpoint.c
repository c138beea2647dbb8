/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/endpoint.h"

static const char *const names[_ENDPOINT_MAX] = {
        [ENDPOINT_REGISTRATION_AUTHORIZE] = "registration-authorize",
        [ENDPOINT_REGISTRATION_OPTIONS] = "registration-options",
        [ENDPOINT_REGISTRATION_VERIFICATION] = "registration-verification",
        [ENDPOINT_EXCHANGE] = "exchange",
        [ENDPOINT_PASSKEY_GET] = "passkey-get",
        [ENDPOINT_PASSKEY_LIST] = "passkey-list",
        [ENDPOINT_JWKS] = "jwks",
};

const char *endpoint_name(Endpoint endpoint)
{
        return names[endpoint];
}

Endpoint endpoint_from_name(const char *name)
{
        for (int i = 0; i < _ENDPOINT_MAX; i++)
                if (streq(name, names[i]))
                        return i;
        return ENDPOINT_NONE;
}

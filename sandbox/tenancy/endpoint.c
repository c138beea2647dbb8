/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/tenancy/endpoint.h"

static const char *const names[_ENDPOINT_MAX] = {
        [ENDPOINT_REGISTRATION_AUTHORIZE] = "registration-authorize",
        [ENDPOINT_REGISTRATION_OPTIONS] = "registration-options",
        [ENDPOINT_REGISTRATION_VERIFICATION] = "registration-verification",
        [ENDPOINT_AUTHENTICATION_AUTHORIZE] = "authentication-authorize",
        [ENDPOINT_AUTHENTICATION_OPTIONS] = "authentication-options",
        [ENDPOINT_AUTHENTICATION_VERIFICATION] = "authentication-verification",
        [ENDPOINT_EXCHANGE] = "exchange",
        [ENDPOINT_PASSKEY_GET] = "passkey-get",
        [ENDPOINT_PASSKEY_LIST] = "passkey-list",
        [ENDPOINT_PASSKEYS_UPDATE] = "passkeys-update",
        [ENDPOINT_PASSKEYS_DELETE] = "passkeys-delete",
        [ENDPOINT_PASSKEYS_PRUNE] = "passkeys-prune",
        [ENDPOINT_UPDATE_EXCHANGE] = "update-exchange",
        [ENDPOINT_DELETE_EXCHANGE] = "delete-exchange",
        [ENDPOINT_PRUNE_EXCHANGE] = "prune-exchange",
        [ENDPOINT_CHALLENGE_CREATE] = "challenge-create",
        [ENDPOINT_CHALLENGE_GET] = "challenge-get",
        [ENDPOINT_CHALLENGE_VERIFY] = "challenge-verify",
        [ENDPOINT_CHALLENGE_DELETE] = "challenge-delete",
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* API endpoints, by the names used for faults and call counts. */
typedef enum Endpoint {
        ENDPOINT_REGISTRATION_AUTHORIZE,
        ENDPOINT_REGISTRATION_OPTIONS,
        ENDPOINT_REGISTRATION_VERIFICATION,
        ENDPOINT_AUTHENTICATION_AUTHORIZE,
        ENDPOINT_AUTHENTICATION_OPTIONS,
        ENDPOINT_AUTHENTICATION_VERIFICATION,
        ENDPOINT_EXCHANGE,
        ENDPOINT_PASSKEY_GET,
        ENDPOINT_PASSKEY_LIST,
        ENDPOINT_PASSKEYS_UPDATE,
        ENDPOINT_PASSKEYS_DELETE,
        ENDPOINT_PASSKEYS_PRUNE,
        ENDPOINT_UPDATE_EXCHANGE,
        ENDPOINT_DELETE_EXCHANGE,
        ENDPOINT_PRUNE_EXCHANGE,
        ENDPOINT_CHALLENGE_CREATE,
        ENDPOINT_CHALLENGE_GET,
        ENDPOINT_CHALLENGE_VERIFY,
        ENDPOINT_CHALLENGE_DELETE,
        ENDPOINT_JWKS,
        _ENDPOINT_MAX,
        ENDPOINT_NONE = -1, /* not an API endpoint */
} Endpoint;

const char *endpoint_name(Endpoint endpoint);

/* Returns ENDPOINT_NONE for an unknown name. */
Endpoint endpoint_from_name(const char *name);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The arguments of a sign-in. Strings are owned. */
typedef struct Authentication {
        char *rp_id;
        char *user_id;            /* NULL: not restricted to a user */
        char **allow_credentials; /* authenticator ids; NULL: any */
        bool discoverable;
        char *mediation;         /* NULL: the API's default */
        char *user_verification; /* NULL: the API's default */
        uint32_t timeout_ms;     /* 0: the API's default */
} Authentication;

Authentication *authentication_new(void);
Authentication *authentication_free(Authentication *authentication);
DEFINE_CLEANUP(Authentication *, authentication_free);

/* Either discoverable, or restricted to a user or passkeys; conditional mediation requires
 * discoverable. */
bool authentication_is_valid(const Authentication *authentication);

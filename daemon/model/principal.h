/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Who proved to hold a passkey, as the API tells it. */
typedef struct Principal {
        char *id;
        char *user_id;
        char *authenticator_id;
        char *authenticator_type;
        char *platform_name; /* this and the next two: NULL if not known */
        char *ip_address;
        char *user_agent;
        uint64_t created_at_ms;
        uint64_t expires_at_ms;
        bool verified;
        bool user_verified;
} Principal;

/* All members zero or NULL, or NULL for lack of memory; the strings are filled in by its maker. */
Principal *principal_new(void);
Principal *principal_free(Principal *principal);
DEFINE_CLEANUP(Principal *, principal_free);

/* Returns 0 or -ENOMEM. */
int principal_copy(const Principal *principal, Principal **ret);

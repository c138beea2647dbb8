/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The verified identity behind a code or id_token. */
typedef struct Principal {
        char *id;
        char *user_id;
        char *authenticator_id;
        char *authenticator_type;
        char *platform_name; /* this and the next two: NULL if unknown */
        char *ip_address;
        char *user_agent;
        uint64_t created_at_ms;
        uint64_t expires_at_ms;
        bool verified;
        bool user_verified;
} Principal;

/* Zeroed members; NULL if out of memory. */
Principal *principal_new(void);
Principal *principal_free(Principal *principal);
DEFINE_CLEANUP(Principal *, principal_free);

/* Returns 0 or -ENOMEM. */
int principal_copy(const Principal *principal, Principal **ret);

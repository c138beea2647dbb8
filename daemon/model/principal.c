/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/model/principal.h"

#define PRINCIPAL_STRINGS(X) \
        X(id) \
        X(user_id) \
        X(authenticator_id) \
        X(authenticator_type) \
        X(platform_name) \
        X(ip_address) \
        X(user_agent)

Principal *principal_new(void)
{
        return calloc(1, sizeof(Principal));
}

Principal *principal_free(Principal *principal)
{
        if (!principal)
                return NULL;
#define X(member) free(principal->member);
        PRINCIPAL_STRINGS(X)
#undef X
        free(principal);
        return NULL;
}

int principal_copy(const Principal *principal, Principal **ret)
{
        _cleanup_(principal_freep) Principal *copy = principal_new();

        if (!copy)
                return -ENOMEM;
#define X(member) \
        if (principal->member) { \
                copy->member = strdup(principal->member); \
                if (!copy->member) \
                        return -ENOMEM; \
        }
        PRINCIPAL_STRINGS(X)
#undef X
        copy->created_at_ms = principal->created_at_ms;
        copy->expires_at_ms = principal->expires_at_ms;
        copy->verified = principal->verified;
        copy->user_verified = principal->user_verified;

        *ret = TAKE_PTR(copy);
        return 0;
}

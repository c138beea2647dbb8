/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strv.h"
#include "daemon/model/authentication.h"

Authentication *authentication_new(void)
{
        return calloc(1, sizeof(Authentication));
}

Authentication *authentication_free(Authentication *authentication)
{
        if (!authentication)
                return NULL;
        free(authentication->rp_id);
        free(authentication->user_id);
        strv_free(authentication->allow_credentials);
        free(authentication->mediation);
        free(authentication->user_verification);
        free(authentication);
        return NULL;
}

bool authentication_is_valid(const Authentication *authentication)
{
        bool scoped = authentication->user_id || strv_len(authentication->allow_credentials) > 0;

        if (authentication->discoverable == scoped)
                return false;
        return authentication->discoverable || !authentication->mediation ||
               !streq(authentication->mediation, "conditional");
}

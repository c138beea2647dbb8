/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strv.h"
#include "daemon/model/registration.h"

Registration *registration_new(void)
{
        return calloc(1, sizeof(Registration));
}

Registration *registration_free(Registration *registration)
{
        if (!registration)
                return NULL;
        free(registration->rp_id);
        free(registration->rp_name);
        free(registration->user_id);
        free(registration->username);
        free(registration->display_name);
        strv_free(registration->exclude_credentials);
        free(registration->user_verification);
        free(registration);
        return NULL;
}

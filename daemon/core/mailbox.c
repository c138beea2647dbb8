/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/core/mailbox.h"
#include "daemon/core/tenancy-internal.h"

int mailbox_create(Tenancy *tenancy, const ChallengeRequest *request, ResultFunc func,
                   void *userdata)
{
        return CALL_API(tenancy, func, userdata, NULL, api_create_challenge, request);
}

int mailbox_get(Tenancy *tenancy, const char *challenge_id, ResultFunc func, void *userdata)
{
        return CALL_API(tenancy, func, userdata, NULL, api_get_challenge, challenge_id);
}

int mailbox_verify(Tenancy *tenancy, const char *challenge_id, const char *secret, const char *code,
                   ResultFunc func, void *userdata)
{
        return CALL_API(tenancy, func, userdata, NULL, api_verify_challenge, challenge_id, secret,
                        code);
}

int mailbox_delete(Tenancy *tenancy, const char *challenge_id, ResultFunc func, void *userdata)
{
        return CALL_API(tenancy, func, userdata, NULL, api_delete_challenge, challenge_id);
}

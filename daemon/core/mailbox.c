/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/core/mailbox.h"
#include "daemon/core/tenancy-internal.h"

int mailbox_create(Tenancy *tenancy, const ChallengeRequest *request, ResultFunc func,
                   void *userdata)
{
        Call *call;
        int r;

        r = call_new(sizeof(Call), tenancy, func, userdata, &call);
        if (r != 0)
                return r;
        r = api_create_challenge(call->api, request, call_on_result, call, &call->api_call);
        return call_started(call, r, NULL);
}

int mailbox_get(Tenancy *tenancy, const char *challenge_id, ResultFunc func, void *userdata)
{
        Call *call;
        int r;

        r = call_new(sizeof(Call), tenancy, func, userdata, &call);
        if (r != 0)
                return r;
        r = api_get_challenge(call->api, challenge_id, call_on_result, call, &call->api_call);
        return call_started(call, r, NULL);
}

int mailbox_verify(Tenancy *tenancy, const char *challenge_id, const char *secret, const char *code,
                   ResultFunc func, void *userdata)
{
        Call *call;
        int r;

        r = call_new(sizeof(Call), tenancy, func, userdata, &call);
        if (r != 0)
                return r;
        r = api_verify_challenge(call->api, challenge_id, secret, code, call_on_result, call,
                                 &call->api_call);
        return call_started(call, r, NULL);
}

int mailbox_delete(Tenancy *tenancy, const char *challenge_id, ResultFunc func, void *userdata)
{
        Call *call;
        int r;

        r = call_new(sizeof(Call), tenancy, func, userdata, &call);
        if (r != 0)
                return r;
        r = api_delete_challenge(call->api, challenge_id, call_on_result, call, &call->api_call);
        return call_started(call, r, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/core/prove-key.h"
#include "daemon/core/tenancy-internal.h"
#include "dbus/error.h"

int prove_key_start(Tenancy *tenancy, const char *nonce, ResultFunc func, void *userdata,
                    Call **ret)
{
        Call *call;
        int r;

        if (!tenancy_is_usable(tenancy))
                return ERROR_NOT_CONFIGURED;
        r = call_new_without_api(sizeof(Call), tenancy, func, userdata, &call);
        if (r < 0)
                return r;
        call->api = api_ref(tenancy->api);
        return call_started(
                call, api_prove_key(call->api, nonce, call_on_result, call, &call->api_call), ret);
}

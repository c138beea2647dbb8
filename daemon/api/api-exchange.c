/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/api/api-call.h"
#include "daemon/api/api-json.h"

static void finish_exchange(ApiCall *call, int r, uint32_t retry_after_s, const HttpReply *reply)
{
        _cleanup_(principal_freep) Principal *principal = NULL;
        ApiPrincipalFunc func = call->func.principal;
        void *userdata = call->userdata;

        if (r == 0)
                r = api_json_read_principal(reply->body, reply->body_len, &principal);
        api_call_cancel(call);
        func(r, retry_after_s, principal, userdata);
}

int api_exchange_code(Api *api, const char *code, ApiPrincipalFunc func, void *userdata,
                      ApiCall **ret)
{
        static const Error errors[] = {ERROR_INVALID_CODE, ERROR_API_DENIED, 0};
        static const ApiEndpoint endpoint = {
                .name = "principal",
                .path = {"principal"},
                .errors = errors,
                .reply_len_max = API_REPLY_LEN_MAX,
                .once = true,
                .finish = finish_exchange,
        };

        return api_ask(api, &endpoint, code, NULL, (ApiFunc){.principal = func}, userdata, ret);
}

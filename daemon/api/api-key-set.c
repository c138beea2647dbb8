/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/api/api-call.h"
#include "daemon/api/api-json.h"

static void finish_key_set(ApiCall *call, int r, uint32_t retry_after_s, const HttpReply *reply)
{
        ApiKeySetFunc func = call->func.key_set;
        void *userdata = call->userdata;

        if (r == 0)
                r = api_json_check_key_set(reply->body, reply->body_len);
        api_call_cancel(call);
        func(r, r == 0 ? reply->body : NULL, userdata);
}

int api_get_key_set(Api *api, ApiKeySetFunc func, void *userdata, ApiCall **ret)
{
        /* A public endpoint: the API cannot deny the key. */
        static const Error errors[] = {0};
        static const ApiEndpoint endpoint = {
                .name = "jwks.json",
                .path = {"v2", ".well-known", "jwks.json"},
                .errors = errors,
                .reply_len_max = API_REPLY_LEN_MAX,
                .is_public = true,
                .finish = finish_key_set,
        };

        return api_ask(api, &endpoint, NULL, NULL, (ApiFunc){.key_set = func}, userdata, ret);
}

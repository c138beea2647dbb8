/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/wiping-allocator.h"
#include "daemon/api/api-call.h"
#include "daemon/api/api-json.h"

static const Error errors[] = {ERROR_BAD_REQUEST, ERROR_API_DENIED, 0};

static void finish_token(ApiCall *call, int r, uint32_t retry_after_s, const HttpReply *reply)
{
        ApiTokenFunc func = call->func.token;
        void *userdata = call->userdata;
        Token token = {};

        if (r == 0)
                r = call->endpoint->read.token(reply->body, reply->body_len, &token);
        api_call_cancel(call);
        func(r, retry_after_s, r == 0 ? &token : NULL, userdata);
        wiping_free(token.token);
}

int api_authorize_registration(Api *api, const Registration *registration, ApiTokenFunc func,
                               void *userdata, ApiCall **ret)
{
        static const ApiEndpoint endpoint = {
                .name = "registration/authorize",
                .path = {"passkey", "registration", "authorize"},
                .errors = errors,
                .reply_len_max = API_REPLY_LEN_MAX,
                .read.token = api_json_read_registration_token,
                .finish = finish_token,
        };
        char *body;
        int r;

        r = api_json_write_registration(registration, &body);
        if (r < 0)
                return r;
        return api_ask(api, &endpoint, NULL, body, (ApiFunc){.token = func}, userdata, ret);
}

int api_authorize_authentication(Api *api, const Authentication *authentication, ApiTokenFunc func,
                                 void *userdata, ApiCall **ret)
{
        static const ApiEndpoint endpoint = {
                .name = "authentication/authorize",
                .path = {"passkey", "authentication", "authorize"},
                .errors = errors,
                .reply_len_max = API_REPLY_LEN_MAX,
                .read.token = api_json_read_authentication_token,
                .finish = finish_token,
        };
        char *body;
        int r;

        r = api_json_write_authentication(authentication, &body);
        if (r < 0)
                return r;
        return api_ask(api, &endpoint, NULL, body, (ApiFunc){.token = func}, userdata, ret);
}

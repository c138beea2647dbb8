/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/api/api-call.h"
#include "daemon/api/api-json.h"
#include "daemon/api/api-url.h"

static void finish_passkey(ApiCall *call, int r, uint32_t retry_after_s, const HttpReply *reply)
{
        _cleanup_(passkey_freep) Passkey *passkey = NULL;
        ApiPasskeyFunc func = call->func.passkey;
        void *userdata = call->userdata;

        if (r == 0)
                r = api_json_read_passkey(reply->body, reply->body_len, &passkey);
        api_call_cancel(call);
        func(r, retry_after_s, passkey, userdata);
}

int api_get_passkey(Api *api, const char *passkey_id, ApiPriority priority, ApiPasskeyFunc func,
                    void *userdata, ApiCall **ret)
{
        static const Error errors[] = {ERROR_NOT_FOUND, ERROR_API_DENIED, 0};
        static const ApiEndpoint endpoint = {
                .name = "passkeys/get",
                .path = {"passkeys"},
                .errors = errors,
                .reply_len_max = API_REPLY_LEN_MAX,
                .finish = finish_passkey,
        };

        if (!api_url_segment_is_valid(passkey_id))
                return ERROR_NOT_FOUND;
        return api_ask_at(api, priority, &endpoint, passkey_id, NULL, (ApiFunc){.passkey = func},
                          userdata, ret);
}

static void finish_list(ApiCall *call, int r, uint32_t retry_after_s, const HttpReply *reply)
{
        _cleanup_(passkey_list_clear) PasskeyList list = {};
        _cleanup_(freep) char *next_cursor = NULL;
        ApiPasskeyListFunc func = call->func.passkey_list;
        void *userdata = call->userdata;

        if (r == 0)
                r = api_json_read_passkey_list(reply->body, reply->body_len, &list, &next_cursor);
        api_call_cancel(call);
        func(r, retry_after_s, r == 0 ? &list : NULL, next_cursor, userdata);
}

int api_list_passkeys(Api *api, const char *cursor, ApiPriority priority, ApiPasskeyListFunc func,
                      void *userdata, ApiCall **ret)
{
        /* An undocumented error, but a forged cursor deserves it. */
        static const Error errors[] = {ERROR_BAD_REQUEST, ERROR_API_DENIED, 0};
        static const ApiEndpoint endpoint = {
                .name = "passkeys/list",
                .path = {"passkeys"},
                .query = "cursor",
                .errors = errors,
                .reply_len_max = API_LIST_LEN_MAX,
                .finish = finish_list,
        };

        return api_ask_at(api, priority, &endpoint, cursor, NULL, (ApiFunc){.passkey_list = func},
                          userdata, ret);
}

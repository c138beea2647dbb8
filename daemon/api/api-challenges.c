/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/api/api-call.h"
#include "daemon/api/api-json.h"
#include "daemon/api/api-url.h"

static void finish_challenge(ApiCall *call, int r, uint32_t retry_after_s, const HttpReply *reply)
{
        _cleanup_(challenge_freep) Challenge *challenge = NULL;
        ApiChallengeFunc func = call->func.challenge;
        void *userdata = call->userdata;

        if (r == 0)
                r = call->endpoint->read.challenge(reply->body, reply->body_len, &challenge);
        api_call_cancel(call);
        func(r, retry_after_s, challenge, userdata);
}

int api_create_challenge(Api *api, const ChallengeRequest *request, ApiChallengeFunc func,
                         void *userdata, ApiCall **ret)
{
        static const Error errors[] = {ERROR_BAD_REQUEST, ERROR_RATE_LIMITED, ERROR_API_DENIED, 0};
        static const ApiEndpoint endpoint = {
                .name = "challenges/create",
                .path = {"challenges"},
                .errors = errors,
                .reply_len_max = API_REPLY_LEN_MAX,
                .once = true,
                .read.challenge = api_json_read_created_challenge,
                .finish = finish_challenge,
        };
        char *body;
        int r;

        r = api_json_write_challenge(request, &body);
        if (r != 0)
                return r;
        return api_ask(api, &endpoint, NULL, body, (ApiFunc){.challenge = func}, userdata, ret);
}

int api_get_challenge(Api *api, const char *challenge_id, ApiChallengeFunc func, void *userdata,
                      ApiCall **ret)
{
        static const Error errors[] = {ERROR_NOT_FOUND, ERROR_API_DENIED, 0};
        static const ApiEndpoint endpoint = {
                .name = "challenges/get",
                .path = {"challenges"},
                .errors = errors,
                .reply_len_max = API_REPLY_LEN_MAX,
                .read.challenge = api_json_read_challenge,
                .finish = finish_challenge,
        };

        if (!api_url_segment_is_valid(challenge_id))
                return ERROR_NOT_FOUND;
        return api_ask(api, &endpoint, challenge_id, NULL, (ApiFunc){.challenge = func}, userdata,
                       ret);
}

int api_verify_challenge(Api *api, const char *challenge_id, const char *secret, const char *code,
                         ApiChallengeFunc func, void *userdata, ApiCall **ret)
{
        static const Error errors[] = {ERROR_INVALID_CHALLENGE, ERROR_INVALID_CHALLENGE_CODE,
                                       ERROR_CHALLENGE_EXPIRED, ERROR_CHALLENGE_ATTEMPTS_EXCEEDED,
                                       ERROR_API_DENIED,        0};
        static const ApiEndpoint endpoint = {
                .name = "challenges/verify",
                .path = {"challenges", "verify"},
                .errors = errors,
                .reply_len_max = API_REPLY_LEN_MAX,
                .once = true,
                .read.challenge = api_json_read_verified_challenge,
                .finish = finish_challenge,
        };
        char *body;
        int r;

        r = api_json_write_verification(challenge_id, secret, code, &body);
        if (r < 0)
                return r;
        return api_ask(api, &endpoint, NULL, body, (ApiFunc){.challenge = func}, userdata, ret);
}

static void finish_delete(ApiCall *call, int r, uint32_t retry_after_s, const HttpReply *reply)
{
        ApiDoneFunc func = call->func.done;
        void *userdata = call->userdata;

        if (r == 0)
                r = api_json_check_challenge_deleted(reply->body, reply->body_len);
        api_call_cancel(call);
        func(r, retry_after_s, userdata);
}

int api_delete_challenge(Api *api, const char *challenge_id, ApiDoneFunc func, void *userdata,
                         ApiCall **ret)
{
        static const Error errors[] = {ERROR_API_DENIED, 0};
        static const ApiEndpoint endpoint = {
                .name = "challenges/delete",
                .path = {"challenges"},
                .method = "DELETE",
                .errors = errors,
                .reply_len_max = API_REPLY_LEN_MAX,
                .finish = finish_delete,
        };

        if (!api_url_segment_is_valid(challenge_id))
                return ERROR_NOT_FOUND;
        return api_ask(api, &endpoint, challenge_id, NULL, (ApiFunc){.done = func}, userdata, ret);
}

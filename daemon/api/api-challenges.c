/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/api/api-internal.h"
#include "daemon/api/api-json.h"
#include "daemon/api/api-url.h"

static int read_created(const char *body, size_t body_len, ApiPayload *payload)
{
        return api_json_read_created_challenge(body, body_len, &payload->challenge);
}

static int read_challenge(const char *body, size_t body_len, ApiPayload *payload)
{
        return api_json_read_challenge(body, body_len, &payload->challenge);
}

static int read_verified(const char *body, size_t body_len, ApiPayload *payload)
{
        return api_json_read_verified_challenge(body, body_len, &payload->challenge);
}

int api_create_challenge(Api *api, const ChallengeRequest *request, ResultFunc func, void *userdata,
                         ApiCall **ret)
{
        static const Error errors[] = {ERROR_BAD_REQUEST, ERROR_RATE_LIMITED, ERROR_API_DENIED, 0};
        static const ApiEndpoint endpoint = {
                .name = "challenges/create",
                .path = {"challenges"},
                .errors = errors,
                .once = true,
                .read = read_created,
        };
        char *body;
        int r;

        r = api_json_write_challenge(request, &body);
        if (r != 0)
                return r;
        return api_ask(api, &(ApiQuery){.endpoint = &endpoint, .body = body}, func, userdata, ret);
}

int api_get_challenge(Api *api, const char *challenge_id, ResultFunc func, void *userdata,
                      ApiCall **ret)
{
        static const Error errors[] = {ERROR_NOT_FOUND, ERROR_API_DENIED, 0};
        static const ApiEndpoint endpoint = {
                .name = "challenges/get",
                .path = {"challenges"},
                .errors = errors,
                .read = read_challenge,
        };

        if (!api_url_segment_is_valid(challenge_id))
                return ERROR_NOT_FOUND;
        return api_ask(api, &(ApiQuery){.endpoint = &endpoint, .argument = challenge_id}, func,
                       userdata, ret);
}

int api_verify_challenge(Api *api, const char *challenge_id, const char *secret, const char *code,
                         ResultFunc func, void *userdata, ApiCall **ret)
{
        static const Error errors[] = {ERROR_INVALID_CHALLENGE, ERROR_INVALID_CHALLENGE_CODE,
                                       ERROR_CHALLENGE_EXPIRED, ERROR_CHALLENGE_ATTEMPTS_EXCEEDED,
                                       ERROR_API_DENIED,        0};
        static const ApiEndpoint endpoint = {
                .name = "challenges/verify",
                .path = {"challenges", "verify"},
                .errors = errors,
                .once = true,
                .read = read_verified,
        };
        char *body;
        int r;

        r = api_json_write_verification(challenge_id, secret, code, &body);
        if (r < 0)
                return r;
        return api_ask(api, &(ApiQuery){.endpoint = &endpoint, .body = body}, func, userdata, ret);
}

static int check_deleted(const char *body, size_t body_len, ApiPayload *payload _unused_)
{
        return api_json_check_challenge_deleted(body, body_len);
}

int api_delete_challenge(Api *api, const char *challenge_id, ResultFunc func, void *userdata,
                         ApiCall **ret)
{
        static const Error errors[] = {ERROR_API_DENIED, 0};
        static const ApiEndpoint endpoint = {
                .name = "challenges/delete",
                .path = {"challenges"},
                .method = API_DELETE,
                .errors = errors,
                .read = check_deleted,
        };

        if (!api_url_segment_is_valid(challenge_id))
                return ERROR_NOT_FOUND;
        return api_ask(api, &(ApiQuery){.endpoint = &endpoint, .argument = challenge_id}, func,
                       userdata, ret);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/api/api-internal.h"
#include "daemon/api/api-json.h"

static const Error errors[] = {ERROR_BAD_REQUEST, ERROR_API_DENIED, 0};

static int read_registration(const char *body, size_t body_len, ApiPayload *payload)
{
        return api_json_read_registration_token(body, body_len, &payload->token);
}

static int read_authentication(const char *body, size_t body_len, ApiPayload *payload)
{
        return api_json_read_authentication_token(body, body_len, &payload->token);
}

int api_authorize_registration(Api *api, const Registration *registration, uint64_t deadline_ms,
                               ResultFunc func, void *userdata, ApiCall **ret)
{
        static const ApiEndpoint endpoint = {
                .name = "registration/authorize",
                .path = {"passkey", "registration", "authorize"},
                .errors = errors,
                .read = read_registration,
        };
        char *body;
        int r;

        r = api_json_write_registration(registration, &body);
        if (r < 0)
                return r;
        return api_ask(api,
                       &(ApiQuery){.endpoint = &endpoint, .body = body, .deadline_ms = deadline_ms},
                       func, userdata, ret);
}

int api_authorize_authentication(Api *api, const Authentication *authentication, ResultFunc func,
                                 void *userdata, ApiCall **ret)
{
        static const ApiEndpoint endpoint = {
                .name = "authentication/authorize",
                .path = {"passkey", "authentication", "authorize"},
                .errors = errors,
                .read = read_authentication,
        };
        char *body;
        int r;

        r = api_json_write_authentication(authentication, &body);
        if (r < 0)
                return r;
        return api_ask(api, &(ApiQuery){.endpoint = &endpoint, .body = body}, func, userdata, ret);
}

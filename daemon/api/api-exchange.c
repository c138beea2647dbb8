/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/api/api-internal.h"
#include "daemon/api/api-json.h"

static int read_principal(const char *body, size_t body_len, ApiPayload *payload)
{
        return api_json_read_principal(body, body_len, &payload->principal);
}

int api_exchange_code(Api *api, const char *code, ResultFunc func, void *userdata, ApiCall **ret)
{
        static const Error errors[] = {ERROR_INVALID_CODE, ERROR_API_DENIED, 0};
        static const ApiEndpoint endpoint = {
                .name = "principal",
                .path = {"principal"},
                .errors = errors,
                .once = true,
                .read = read_principal,
        };

        return api_ask(api, &(ApiQuery){.endpoint = &endpoint, .argument = code}, func, userdata,
                       ret);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/api/api-internal.h"
#include "daemon/api/api-json.h"

static int read_key_set(const char *body, size_t body_len, ApiPayload *payload)
{
        payload->key_set = body;
        return api_json_check_key_set(body, body_len);
}

int api_get_key_set(Api *api, ResultFunc func, void *userdata, ApiCall **ret)
{
        /* A public endpoint: the API cannot deny the key. */
        static const Error errors[] = {0};
        static const ApiEndpoint endpoint = {
                .name = "jwks.json",
                .errors = errors,
                .kind = API_REQUEST_KEY_SET,
                .read = read_key_set,
        };

        return api_ask(api, &(ApiQuery){.endpoint = &endpoint}, func, userdata, ret);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/clock.h"
#include "daemon/api/api-internal.h"
#include "daemon/api/api-json.h"
#include "daemon/api/api-url.h"

static int read_passkey(const char *body, size_t body_len, ApiPayload *payload)
{
        return api_json_read_passkey(body, body_len, &payload->passkey);
}

static const Error get_errors[] = {ERROR_NOT_FOUND, ERROR_API_DENIED, 0};
static const ApiEndpoint get_endpoint = {
        .name = "passkeys/get",
        .path = {"passkeys"},
        .errors = get_errors,
        .read = read_passkey,
};

int api_get_passkey(Api *api, const char *passkey_id, ApiPriority priority, ResultFunc func,
                    void *userdata, ApiCall **ret)
{
        const ApiQuery query = {
                .endpoint = &get_endpoint,
                .argument = passkey_id,
                .priority = priority,
        };

        if (!api_url_segment_is_valid(passkey_id))
                return ERROR_NOT_FOUND;
        return api_ask(api, &query, func, userdata, ret);
}

int api_probe(Api *api, uint64_t timeout_ms, ResultFunc func, void *userdata, ApiCall **ret)
{
        const ApiQuery query = {
                .endpoint = &get_endpoint,
                .argument = "passlockd-probe", /* no such passkey */
                .is_probe = true,
                .is_quick = timeout_ms < api->timeout_ms,
                .deadline_ms = monotonic_ms() + timeout_ms,
        };

        return api_ask(api, &query, func, userdata, ret);
}

static int read_page(const char *body, size_t body_len, ApiPayload *payload)
{
        payload->is_page = true;
        return api_json_read_passkey_list(body, body_len, &payload->passkeys,
                                          &payload->next_cursor);
}

int api_list_passkeys(Api *api, const char *cursor, ApiPriority priority, ResultFunc func,
                      void *userdata, ApiCall **ret)
{
        /* BAD_REQUEST is undocumented here, but right for a forged cursor. */
        static const Error errors[] = {ERROR_BAD_REQUEST, ERROR_API_DENIED, 0};
        static const ApiEndpoint endpoint = {
                .name = "passkeys/list",
                .path = {"passkeys"},
                .query = "cursor",
                .errors = errors,
                .reply_len_max = API_LIST_LEN_MAX,
                .read = read_page,
        };

        return api_ask(api,
                       &(ApiQuery){.endpoint = &endpoint, .argument = cursor, .priority = priority},
                       func, userdata, ret);
}

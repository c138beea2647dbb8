/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/api/api-call.h"
#include "daemon/api/api-json.h"

static void finish_management(ApiCall *call, int r, uint32_t retry_after_s, const HttpReply *reply)
{
        _cleanup_(management_clear) Management management = {};
        ApiManagementFunc func = call->func.management;
        void *userdata = call->userdata;

        if (r == 0)
                r = call->endpoint->read.management(reply->body, reply->body_len, &management);
        api_call_cancel(call);
        func(r, retry_after_s, r == 0 ? &management : NULL, userdata);
}

static const Error errors[] = {ERROR_BAD_REQUEST, ERROR_API_DENIED, 0};

/* Never retried: the caller must know how often the vault was changed. */
static const ApiEndpoint update = {
        .name = "passkeys/update",
        .path = {"passkeys", "update"},
        .errors = errors,
        .reply_len_max = API_REPLY_LEN_MAX,
        .once = true,
        .read.management = api_json_read_update,
        .finish = finish_management,
};

static const ApiEndpoint deletion = {
        .name = "passkeys/delete",
        .path = {"passkeys", "delete"},
        .errors = errors,
        .reply_len_max = API_REPLY_LEN_MAX,
        .once = true,
        .read.management = api_json_read_deletion,
        .finish = finish_management,
};

static const ApiEndpoint pruning = {
        .name = "passkeys/prune",
        .path = {"passkeys", "prune"},
        .errors = errors,
        .reply_len_max = API_REPLY_LEN_MAX,
        .once = true,
        .read.management = api_json_read_pruning,
        .finish = finish_management,
};

static int start_for_user(Api *api, const ApiEndpoint *endpoint, const char *user_id,
                          ApiManagementFunc func, void *userdata, ApiCall **ret)
{
        char *body;
        int r;

        r = api_json_write_user(user_id, &body);
        if (r < 0)
                return r;
        return api_ask(api, endpoint, NULL, body, (ApiFunc){.management = func}, userdata, ret);
}

int api_update_passkeys(Api *api, const char *user_id, const char *username,
                        const char *display_name, ApiManagementFunc func, void *userdata,
                        ApiCall **ret)
{
        char *body;
        int r;

        r = api_json_write_update(user_id, username, display_name, &body);
        if (r < 0)
                return r;
        return api_ask(api, &update, NULL, body, (ApiFunc){.management = func}, userdata, ret);
}

int api_delete_passkeys(Api *api, char *const *passkey_ids, ApiManagementFunc func, void *userdata,
                        ApiCall **ret)
{
        char *body;
        int r;

        r = api_json_write_passkey_ids(passkey_ids, &body);
        if (r < 0)
                return r;
        return api_ask(api, &deletion, NULL, body, (ApiFunc){.management = func}, userdata, ret);
}

int api_delete_user_passkeys(Api *api, const char *user_id, ApiManagementFunc func, void *userdata,
                             ApiCall **ret)
{
        return start_for_user(api, &deletion, user_id, func, userdata, ret);
}

int api_prune_passkeys(Api *api, const char *user_id, ApiManagementFunc func, void *userdata,
                       ApiCall **ret)
{
        return start_for_user(api, &pruning, user_id, func, userdata, ret);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/api/api-internal.h"
#include "daemon/api/api-json.h"

static int read_update(const char *body, size_t body_len, ApiPayload *payload)
{
        return api_json_read_update(body, body_len, &payload->management);
}

static int read_deletion(const char *body, size_t body_len, ApiPayload *payload)
{
        return api_json_read_deletion(body, body_len, &payload->management);
}

static int read_pruning(const char *body, size_t body_len, ApiPayload *payload)
{
        return api_json_read_pruning(body, body_len, &payload->management);
}

static const Error errors[] = {ERROR_BAD_REQUEST, ERROR_API_DENIED, 0};

/* Never retried: the caller must know how often the vault was changed. */
static const ApiEndpoint update = {
        .name = "passkeys/update",
        .path = {"passkeys", "update"},
        .errors = errors,
        .once = true,
        .read = read_update,
};

static const ApiEndpoint deletion = {
        .name = "passkeys/delete",
        .path = {"passkeys", "delete"},
        .errors = errors,
        .once = true,
        .read = read_deletion,
};

static const ApiEndpoint pruning = {
        .name = "passkeys/prune",
        .path = {"passkeys", "prune"},
        .errors = errors,
        .once = true,
        .read = read_pruning,
};

static int start_for_user(Api *api, const ApiEndpoint *endpoint, const char *user_id,
                          ResultFunc func, void *userdata, ApiCall **ret)
{
        char *body;
        int r;

        r = api_json_write_user(user_id, &body);
        if (r < 0)
                return r;
        return api_ask(api, &(ApiQuery){.endpoint = endpoint, .body = body}, func, userdata, ret);
}

int api_update_passkeys(Api *api, const char *user_id, const char *username,
                        const char *display_name, ResultFunc func, void *userdata, ApiCall **ret)
{
        char *body;
        int r;

        r = api_json_write_update(user_id, username, display_name, &body);
        if (r < 0)
                return r;
        return api_ask(api, &(ApiQuery){.endpoint = &update, .body = body}, func, userdata, ret);
}

int api_delete_passkeys(Api *api, char *const *passkey_ids, ResultFunc func, void *userdata,
                        ApiCall **ret)
{
        char *body;
        int r;

        r = api_json_write_passkey_ids(passkey_ids, &body);
        if (r < 0)
                return r;
        return api_ask(api, &(ApiQuery){.endpoint = &deletion, .body = body}, func, userdata, ret);
}

int api_delete_user_passkeys(Api *api, const char *user_id, ResultFunc func, void *userdata,
                             ApiCall **ret)
{
        return start_for_user(api, &deletion, user_id, func, userdata, ret);
}

int api_prune_passkeys(Api *api, const char *user_id, ResultFunc func, void *userdata,
                       ApiCall **ret)
{
        return start_for_user(api, &pruning, user_id, func, userdata, ret);
}

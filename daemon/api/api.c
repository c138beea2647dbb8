/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/api/api-call.h"
#include "daemon/api/api-json.h"
#include "daemon/api/api-url.h"
#include "daemon/api/wiping-allocator.h"
#include "daemon/model/valid.h"

struct Api {
        sd_event *event;
        ApiPeer *peer;  /* NULL before it is configured */
        char *base_url; /* down to the tenancy */
        uint64_t timeout_ms;
        Secret *key; /* NULL: no call may be started */
        ApiCallQueue calls;
};

static int call_new(Api *api, const ApiEndpoint *endpoint, const char *const *path, ApiCall **ret)
{
        _cleanup_(freep) char *url = NULL;
        ApiCall *call;
        int r;

        if (!api->peer || !api->key)
                return -ENOKEY;
        r = api_url_build(api->base_url, path, &url);
        if (r < 0)
                return r;
        call = calloc(1, sizeof(ApiCall));
        if (!call)
                return -ENOMEM;
        call->event = sd_event_ref(api->event);
        call->endpoint = endpoint;
        call->peer = api_peer_ref(api->peer);
        call->key = secret_ref(api->key);
        call->url = TAKE_PTR(url);
        call->deadline_ms = monotonic_ms() + api->timeout_ms;
        call->queue = &api->calls;
        TAILQ_INSERT_TAIL(call->queue, call, entry);

        *ret = call;
        return 0;
}

static void finish_registration(ApiCall *call, int r, uint32_t retry_after_s,
                                const HttpReply *reply)
{
        ApiTokenFunc func = call->token_func;
        void *userdata = call->userdata;
        Token token = {};

        if (r == 0)
                r = api_json_read_registration_token(reply->body, reply->body_len, &token);
        api_call_cancel(call);
        func(r, retry_after_s, r == 0 ? &token : NULL, userdata);
        wiping_free(token.token);
}

int api_authorize_registration(Api *api, const Registration *registration, ApiTokenFunc func,
                               void *userdata, ApiCall **ret)
{
        static const Error errors[] = {ERROR_BAD_REQUEST, ERROR_API_DENIED, 0};
        static const ApiEndpoint endpoint = {
                .name = "registration/authorize", .errors = errors, .finish = finish_registration};
        const char *const path[] = {"passkey", "registration", "authorize", NULL};
        _cleanup_(api_call_cancelp) ApiCall *call = NULL;
        int r;

        r = call_new(api, &endpoint, path, &call);
        if (r < 0)
                return r;
        r = api_json_write_registration(registration, &call->body);
        if (r < 0)
                return r;
        call->token_func = func;
        call->userdata = userdata;
        r = api_call_start(call);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(call);
        return 0;
}

static void finish_exchange(ApiCall *call, int r, uint32_t retry_after_s, const HttpReply *reply)
{
        _cleanup_(principal_freep) Principal *principal = NULL;
        ApiPrincipalFunc func = call->principal_func;
        void *userdata = call->userdata;

        if (r == 0)
                r = api_json_read_principal(reply->body, reply->body_len, &principal);
        api_call_cancel(call);
        func(r, retry_after_s, principal, userdata);
}

int api_exchange_code(Api *api, const char *code, ApiPrincipalFunc func, void *userdata,
                      ApiCall **ret)
{
        static const Error errors[] = {ERROR_INVALID_CODE, ERROR_API_DENIED, 0};
        static const ApiEndpoint endpoint = {
                .name = "principal", .errors = errors, .once = true, .finish = finish_exchange};
        const char *const path[] = {"principal", code, NULL};
        _cleanup_(api_call_cancelp) ApiCall *call = NULL;
        int r;

        r = call_new(api, &endpoint, path, &call);
        if (r < 0)
                return r;
        call->principal_func = func;
        call->userdata = userdata;
        r = api_call_start(call);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(call);
        return 0;
}

int api_new(sd_event *event, Api **ret)
{
        Api *api = calloc(1, sizeof(Api));

        if (!api)
                return -ENOMEM;
        api->event = sd_event_ref(event);
        TAILQ_INIT(&api->calls);
        *ret = api;
        return 0;
}

Api *api_free(Api *api)
{
        ApiCall *call;

        if (!api)
                return NULL;
        while ((call = TAILQ_FIRST(&api->calls)))
                api_call_cancel(call);
        api_peer_unref(api->peer);
        free(api->base_url);
        secret_unref(api->key);
        sd_event_unref(api->event);
        free(api);
        return NULL;
}

int api_configure(Api *api, const char *endpoint, const char *tenancy_id, const char *ca_file,
                  uint64_t timeout_ms, Secret *key)
{
        const char *const path[] = {"v2", tenancy_id, NULL};
        _cleanup_(freep) char *base_url = NULL;
        _cleanup_(api_peer_unrefp) ApiPeer *peer = NULL;
        int r;

        if (!api_url_origin_is_valid(endpoint) || !tenancy_id_is_valid(tenancy_id) ||
            timeout_ms == 0 || timeout_ms > UINT32_MAX)
                return -EINVAL;

        r = api_url_build(endpoint, path, &base_url);
        if (r < 0)
                return r;
        if (api->peer && streq(api->peer->endpoint, endpoint) &&
            streq_ptr(api->peer->ca_file, ca_file)) {
                peer = api_peer_ref(api->peer);
        } else {
                r = api_peer_new(api->event, endpoint, ca_file, &peer);
                if (r < 0)
                        return r;
        }

        secret_ref(key);
        secret_unref(api->key);
        api->key = key;
        api_peer_unref(api->peer);
        api->peer = TAKE_PTR(peer);
        free(api->base_url);
        api->base_url = TAKE_PTR(base_url);
        api->timeout_ms = timeout_ms;
        return 0;
}

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
        Secret *key; /* NULL: no call may be started but a public one */
        ApiCallQueue calls;
};

static int make_url(const Api *api, const ApiEndpoint *endpoint, const char *argument, char **ret)
{
        const char *base = endpoint->is_public ? api->peer->endpoint : api->base_url;
        const char *path[ARRAY_SIZE(endpoint->path) + 1] = {};
        size_t n = 0;

        for (; endpoint->path[n]; n++)
                path[n] = endpoint->path[n];
        if (endpoint->query)
                return api_url_build_query(base, path, endpoint->query, argument, ret);
        path[n] = argument;
        return api_url_build(base, path, ret);
}

static int call_new(Api *api, const ApiEndpoint *endpoint, const char *argument, ApiCall **ret)
{
        _cleanup_(freep) char *url = NULL;
        ApiCall *call;
        int r;

        if (!api->peer || (!api->key && !endpoint->is_public))
                return -ENOKEY;
        r = make_url(api, endpoint, argument, &url);
        if (r < 0)
                return r;
        call = calloc(1, sizeof(ApiCall));
        if (!call)
                return -ENOMEM;
        call->event = sd_event_ref(api->event);
        call->endpoint = endpoint;
        call->peer = api_peer_ref(api->peer);
        call->key = endpoint->is_public ? NULL : secret_ref(api->key);
        call->url = TAKE_PTR(url);
        call->deadline_ms = monotonic_ms() + api->timeout_ms;
        call->queue = &api->calls;
        TAILQ_INSERT_TAIL(call->queue, call, entry);

        *ret = call;
        return 0;
}

int api_ask(Api *api, const ApiEndpoint *endpoint, const char *argument, char *body, ApiFunc func,
            void *userdata, ApiCall **ret)
{
        _cleanup_(wiping_freep) char *owned_body = body;
        _cleanup_(api_call_cancelp) ApiCall *call = NULL;
        int r;

        r = call_new(api, endpoint, argument, &call);
        if (r < 0)
                return r;
        call->body = TAKE_PTR(owned_body);
        call->func = func;
        call->userdata = userdata;
        r = api_call_start(call);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(call);
        return 0;
}

int api_new(sd_event *event, Api **ret)
{
        Api *api;

        api_json_initialise();
        api = calloc(1, sizeof(Api));
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/wiping-allocator.h"
#include "daemon/api/api-internal.h"
#include "daemon/api/api-json.h"
#include "daemon/api/api-url.h"
#include "daemon/json/json.h"
#include "daemon/model/valid.h"

static int make_path(const ApiEndpoint *endpoint, const char *argument, char **ret)
{
        const char *path[ARRAY_SIZE(endpoint->path) + 1] = {};
        size_t n = 0;

        if (endpoint->kind != API_REQUEST_TENANCY) {
                *ret = strdup(argument ?: "");
                return *ret ? 0 : -ENOMEM;
        }
        for (; endpoint->path[n]; n++)
                path[n] = endpoint->path[n];
        if (endpoint->query)
                return api_url_build_query("", path, endpoint->query, argument, ret);
        path[n] = argument;
        return api_url_build("", path, ret);
}

static int api_call_new(Api *api, const ApiEndpoint *endpoint, const char *argument, ApiCall **ret)
{
        _cleanup_(freep) char *path = NULL;
        ApiCall *call;
        int r;

        if (!api_has_key(api) && endpoint->kind != API_REQUEST_KEY_SET)
                return -ENOKEY;
        r = make_path(endpoint, argument, &path);
        if (r < 0)
                return r;
        call = calloc(1, sizeof(ApiCall));
        if (!call)
                return -ENOMEM;
        call->event = sd_event_ref(api_context_event(api->context));
        call->endpoint = endpoint;
        call->api = api_ref(api);
        call->path = TAKE_PTR(path);

        *ret = call;
        return 0;
}

int api_ask(Api *api, const ApiQuery *query, ResultFunc func, void *userdata, ApiCall **ret)
{
        _cleanup_(wiping_freep) char *body = query->body;
        _cleanup_(api_call_cancelp) ApiCall *call = NULL;
        int r;

        r = api_call_new(api, query->endpoint, query->argument, &call);
        if (r < 0)
                return r;
        call->priority = query->priority;
        call->is_probe = query->is_probe;
        call->is_quick = query->is_quick;
        call->deadline_ms = query->deadline_ms;
        call->body = TAKE_PTR(body);
        call->func = func;
        call->userdata = userdata;
        r = api_context_start(api->context, call);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(call);
        return 0;
}

static bool server_has_settings(const ApiServer *server, const ApiSettings *settings)
{
        return streq(server->endpoint, settings->endpoint) &&
               streq_ptr(server->ca_file, settings->ca_file);
}

static int get_server(const ApiSettings *settings, const Api *previous, ApiServer **ret)
{
        if (!previous || !server_has_settings(previous->server, settings))
                return api_server_new(settings->endpoint, settings->ca_file, ret);
        *ret = api_server_ref(previous->server);
        return 0;
}

static void hold_account(const Api *api, bool hold)
{
        const ApiTransport *transport = api_context_transport(api->context);
        void (*func)(void *userdata, uint64_t account) =
                hold ? transport->hold : transport->release;

        if (func && api->account != 0)
                func(transport->userdata, api->account);
}

int api_new(ApiContext *context, const ApiSettings *settings, const Api *previous,
            ApiObserverFunc observer, void *observer_userdata, Api **ret)
{
        _cleanup_(api_unrefp) Api *api = NULL;
        int r;

        if (!api_url_origin_is_valid(settings->endpoint) ||
            !tenancy_id_is_valid(settings->tenancy_id) ||
            !api_url_segment_is_valid(settings->tenancy_id) || settings->timeout_ms == 0 ||
            settings->timeout_ms > UINT32_MAX)
                return -EINVAL;
        json_wipe_memory();
        api = calloc(1, sizeof(Api));
        if (!api)
                return -ENOMEM;
        api->n_ref = 1;
        api->context = context;
        api->observer = observer;
        api->observer_userdata = observer_userdata;
        api->timeout_ms = settings->timeout_ms;
        api->key = settings->key;
        api->counts = settings->counts;
        api->tenancy_id = strdup(settings->tenancy_id);
        if (!api->tenancy_id)
                return -ENOMEM;
        r = get_server(settings, previous, &api->server);
        if (r < 0)
                return r;
        api->account = settings->account;
        hold_account(api, true);

        *ret = TAKE_PTR(api);
        return 0;
}

Api *api_ref(Api *api)
{
        assert(api->n_ref > 0);
        api->n_ref++;
        return api;
}

Api *api_unref(Api *api)
{
        if (!api)
                return NULL;
        assert(api->n_ref > 0);
        if (--api->n_ref > 0)
                return NULL;
        hold_account(api, false);
        api_server_unref(api->server);
        free(api->tenancy_id);
        free(api);
        return NULL;
}

bool api_has_settings(const Api *api, const ApiSettings *settings)
{
        return api->account == settings->account && api->key == settings->key &&
               server_has_settings(api->server, settings) &&
               streq(api->tenancy_id, settings->tenancy_id) &&
               api->timeout_ms == settings->timeout_ms;
}

bool api_has_key(const Api *api)
{
        return api->key != 0;
}

const char *api_endpoint(const Api *api)
{
        return api->server->endpoint;
}

const char *api_ca_file(const Api *api)
{
        return api->server->ca_file;
}

uint64_t api_account(const Api *api)
{
        return api->account;
}

uint64_t api_key(const Api *api)
{
        return api->key;
}

bool api_is_down(const Api *api)
{
        return api->server->breaker.open;
}

bool api_has_doubts(const Api *api)
{
        return api_breaker_has_doubts(&api->server->breaker);
}

uint32_t api_retry_after_s(const Api *api)
{
        return api_breaker_retry_after_s(&api->server->breaker, monotonic_ms());
}

uint64_t api_replied_at_ms(const Api *api)
{
        return api->server->breaker.succeeded_at_ms;
}

uint64_t api_probe_at_ms(const Api *api)
{
        return api->server->breaker.probe_at_ms;
}

unsigned api_n_calls(const Api *api)
{
        return api->n_foreground + api->n_background;
}

unsigned api_slots(const Api *api)
{
        return api->server->slots;
}

uint64_t api_timeout_ms(const Api *api)
{
        return api->timeout_ms;
}

void api_clock_range_ms(const Api *api, uint64_t *ret_min_ms, uint64_t *ret_max_ms)
{
        api_server_clock_range_ms(api->server, ret_min_ms, ret_max_ms);
}

uint64_t api_clock_ms(const Api *api)
{
        return api_server_clock_ms(api->server);
}

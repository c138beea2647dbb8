/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate/http-error.h"
#include "gate/link-streams.h"
#include "gate/method-request.h"
#include "gate/metrics-request.h"
#include "gate/routes.h"

#define METHOD_PREFIX   "/v1/"
#define PARAMETERS_TEXT "The only parameter is tenancy, a label"

/* A route with GET. */
typedef struct Route {
        const char *path;
        void (*serve)(Gate *gate, const char *label, HttpRequest *request);
} Route;

static void refuse(HttpRequest *request, int error)
{
        http_request_reply(request, http_reply_error(error, NULL));
}

/* libmicrohttpd keeps a connection of HTTP/1.0 whose client has left a stream. */
static void serve_changes(Gate *gate, const char *label, HttpRequest *request)
{
        int r = HTTP_ERROR_OLD_VERSION;

        if (streq(request->version, MHD_HTTP_VERSION_1_1))
                r = link_streams_open(&gate->streams, label, request);
        if (r != 0)
                refuse(request, r);
}

static void on_tenancy(passlock *client, int r, const char *error_text, passlock_tenancy *tenancy,
                       void *userdata)
{
        HttpRequest *request = userdata;
        TextBuffer body = {};

        request->end = NULL;
        if (r != 0) {
                http_request_reply(request, http_reply_error(r, error_text));
                return;
        }
        text_buffer_append(&body, "{\"state\":", 9);
        text_buffer_append_json(&body, passlock_tenancy_get_state(tenancy));
        text_buffer_append(&body, "}", 1);
        http_request_reply(request, http_reply_text(&body, HTTP_TYPE_JSON));
}

static void end_call(HttpRequest *request, void *operation)
{
        passlock_call_cancel(operation);
}

static void serve_health(Gate *gate, const char *label, HttpRequest *request)
{
        passlock_call *call = NULL;
        int r;

        r = passlock_get_tenancy_async(gate->client, on_tenancy, request, &call);
        if (r != 0) {
                refuse(request, r);
                return;
        }
        request->end = end_call;
        request->operation = call;
}

static void serve_description(Gate *gate, const char *label, HttpRequest *request)
{
        http_request_reply(request,
                           http_reply_static(gate_openapi, gate_openapi_len, HTTP_TYPE_JSON));
}

static void serve_metrics(Gate *gate, const char *label, HttpRequest *request)
{
        metrics_request_begin(gate, request);
}

static const Route routes[] = {
        {"/v1/Links.Changed", serve_changes},
        {"/v1/health", serve_health},
        {"/v1/openapi.json", serve_description},
        {"/metrics", serve_metrics},
};

static const Route *find_route(const char *path)
{
        for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
                if (streq(routes[i].path, path))
                        return &routes[i];
        return NULL;
}

static const GateMethod *find_method(const char *path)
{
        return strncmp(path, METHOD_PREFIX, strlen(METHOD_PREFIX)) == 0
                       ? gate_method_find(path + strlen(METHOD_PREFIX))
                       : NULL;
}

static void refuse_method(HttpRequest *request, const char *allowed)
{
        HttpReply reply = http_reply_error(HTTP_ERROR_METHOD_NOT_ALLOWED, NULL);

        http_reply_add_header(&reply, MHD_HTTP_HEADER_ALLOW, allowed);
        http_request_reply(request, reply);
}

/* A browser cannot open the socket, but may reach it through a proxy that somebody has put before
 * it. All browsers send one of these headers with requests of scripts. */
static bool is_from_browser(const HttpRequest *request)
{
        return http_request_header(request, MHD_HTTP_HEADER_ORIGIN) ||
               http_request_header(request, "Sec-Fetch-Site");
}

static void serve(Gate *gate, HttpRequest *request, const Route *route, const GateMethod *method)
{
        const char *label;
        int r;

        r = gate_select_tenancy(gate, request, &label);
        if (r != 0)
                http_request_reply(request, http_reply_error(r, r > 0 ? PARAMETERS_TEXT : NULL));
        else if (route)
                route->serve(gate, label, request);
        else
                method_request_begin(gate, request, method);
}

void route_request(Gate *gate, HttpRequest *request)
{
        const Route *route = find_route(request->path);
        const GateMethod *method = find_method(request->path);

        if (is_from_browser(request))
                refuse(request, HTTP_ERROR_ORIGIN_REFUSED);
        else if (!route && !method)
                refuse(request, HTTP_ERROR_UNKNOWN_ROUTE);
        else if (!streq(request->method, route ? MHD_HTTP_METHOD_GET : MHD_HTTP_METHOD_POST))
                refuse_method(request, route ? MHD_HTTP_METHOD_GET : MHD_HTTP_METHOD_POST);
        else
                serve(gate, request, route, method);
}

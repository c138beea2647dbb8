/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <netdb.h>
#include <stdio.h>
#include <time.h>

#include "sandbox/endpoints/call.h"
#include "sandbox/http/fault-injection.h"
#include "sandbox/http/request.h"
#include "sandbox/http/response.h"
#include "sandbox/http/route.h"

enum {
        /*
         * After the limit, keep reading, so that the client receives the 413; then close the
         * connection.
         */
        BODY_DISCARD_MAX = 16 * CALL_BODY_MAX,
};

typedef struct Request {
        SuspendedConnection suspension;
        struct MHD_Connection *connection;
        char *body;
        size_t body_len;
        bool body_too_large;
        bool begun; /* fault chosen, request counted */
        Fault fault;
} Request;

static Request *request_new(struct MHD_Connection *connection)
{
        Request *request = must(calloc(1, sizeof(*request)));

        request->connection = request->suspension.connection = connection;
        return request;
}

/* Returns false if the connection must be closed. */
static bool request_append_body(Request *request, const char *data, size_t len)
{
        request->body_len += len;
        if (request->body_len > CALL_BODY_MAX) {
                request->body_too_large = true;
                return request->body_len <= BODY_DISCARD_MAX;
        }
        if (!request->body)
                request->body = must(malloc(CALL_BODY_MAX));
        memcpy(request->body + request->body_len - len, data, len);
        return true;
}

static const char *header(Request *request, const char *name)
{
        return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
        /* libmicrohttpd refuses values with line breaks. */
        (void) MHD_add_response_header(response, name, value);
}

/* Any origin may read the reply: the token authorizes the request. */
static void add_cors(Request *request, struct MHD_Response *response)
{
        const char *origin = header(request, "Origin");

        add_header(response, "Vary", "Origin");
        if (origin)
                add_header(response, "Access-Control-Allow-Origin", origin);
}

static enum MHD_Result queue(Request *request, unsigned status, struct MHD_Response *response)
{
        enum MHD_Result r = MHD_queue_response(request->connection, status, response);

        MHD_destroy_response(response);
        return r;
}

static enum MHD_Result send_preflight(Request *request)
{
        struct MHD_Response *response;

        response = must(MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
        add_cors(request, response);
        add_header(response, "Access-Control-Allow-Methods", "POST, OPTIONS");
        add_header(response, "Access-Control-Allow-Headers", "content-type, accept");
        add_header(response, "Access-Control-Max-Age", "600");
        return queue(request, MHD_HTTP_NO_CONTENT, response);
}

/* Replaces libmicrohttpd's Date header, to apply --clock-offset. */
static void add_date(struct MHD_Response *response, const Sandbox *sandbox)
{
        time_t now = (time_t) (sandbox_now_ms(sandbox) / 1000);
        char date[64];
        struct tm tm;

        strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
        add_header(response, "Date", date);
}

static enum MHD_Result send_reply(Request *request, const Sandbox *sandbox, const Route *route,
                                  const Reply *reply)
{
        struct MHD_Response *response;
        char seconds[16];

        response = request->fault.kind == FAULT_CUT     ? response_cut(reply)
                   : request->fault.kind == FAULT_LARGE ? response_large(request->fault.number)
                                                        : response_whole(reply);
        add_date(response, sandbox);
        add_header(response, "Content-Type", reply->type);
        if (route && route->caller == CALLER_PAGE)
                add_cors(request, response);
        if (route && route->caller == CALLER_ASSET)
                add_header(response, "Access-Control-Allow-Origin", "*");
        add_header(response, "Cache-Control", "no-store");
        if (reply->retry_after_s > 0) {
                snprintf(seconds, sizeof(seconds), "%u", reply->retry_after_s);
                add_header(response, "Retry-After", seconds);
        }
        return queue(request, reply->status, response);
}

/* Numeric, without the port. */
static const char *client_address(Request *request, char *ret, size_t size)
{
        const struct sockaddr *address =
                MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
                        ->client_addr;
        socklen_t len = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                       : sizeof(struct sockaddr_in);

        return getnameinfo(address, len, ret, (socklen_t) size, NULL, 0, NI_NUMERICHOST) == 0
                       ? ret
                       : NULL;
}

/* A request without a route is a CORS preflight or 404. */
static enum MHD_Result reply_without_route(Request *request, const Call *call)
{
        _cleanup_(reply_freep) Reply *reply = NULL;

        if (streq(call->method, "OPTIONS") && route_is_for_pages(call->path))
                return send_preflight(request);
        request->fault.kind = FAULT_NONE;
        reply = reply_error(ERROR_NOT_FOUND, "Unknown endpoint");
        return send_reply(request, call->sandbox, NULL, reply);
}

static Reply *request_handle(Request *request, const Route *route, Call *call)
{
        char address[NI_MAXHOST];

        call->authorization = header(request, "Authorization");
        call->content_type = header(request, "Content-Type");
        call->origin = header(request, "Origin");
        call->user_agent = header(request, "User-Agent");
        call->host = header(request, "Host");
        call->cursor =
                MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "cursor");
        call->address = client_address(request, address, sizeof(address));
        call->body = request->body;
        call->body_len = request->body_len;
        call->body_too_large = request->body_too_large;
        return route_answer(route, call);
}

static enum MHD_Result request_answer(Request *request, const Route *route, Call *call)
{
        _cleanup_(reply_freep) Reply *reply = fault_injection_reply(&request->fault);

        if (!reply)
                reply = request_handle(request, route, call);
        fault_injection_alter(&request->fault, route->field, reply);
        if (request->fault.kind == FAULT_DROP)
                return MHD_NO;
        return send_reply(request, call->sandbox, route, reply);
}

/* Counts the request and chooses its fault, once the body is complete. */
static void request_draw_fault(RequestContext *context, Request *request, Endpoint endpoint)
{
        request->begun = true;
        request->fault.kind = FAULT_NONE;
        if (endpoint == ENDPOINT_NONE)
                return;
        context->sandbox->n_calls[endpoint]++;
        request->fault = fault_list_take(&context->sandbox->faults, endpoint);
        if (request->fault.kind == FAULT_HANG)
                suspended_connections_add(&context->suspended, &request->suspension, -1);
        if (request->fault.kind == FAULT_DELAY)
                suspended_connections_add(&context->suspended, &request->suspension,
                                          (int64_t) request->fault.number);
}

static enum MHD_Result request_serve(RequestContext *context, Request *request, Call *call)
{
        const Route *route = route_find(call);

        if (!route)
                return reply_without_route(request, call);
        if (!request->begun)
                request_draw_fault(context, request, route->endpoint);
        if (request->suspension.suspended)
                return MHD_YES; /* libmicrohttpd calls again after the resume */
        if (request->suspension.closed || request->fault.kind == FAULT_REFUSE)
                return MHD_NO;
        return request_answer(request, route, call);
}

enum MHD_Result request_on_access(void *userdata, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *data, size_t *data_len, void **ret_request)
{
        RequestContext *context = userdata;
        Request *request = *ret_request;
        Call call = {.sandbox = context->sandbox, .path = path, .method = method};
        enum MHD_Result r;

        if (!request) {
                *ret_request = request_new(connection);
                return MHD_YES;
        }
        if (*data_len > 0) {
                r = request_append_body(request, data, *data_len) ? MHD_YES : MHD_NO;
                *data_len = 0;
                return r;
        }
        r = request_serve(context, request, &call);
        call_done(&call);
        return r;
}

void request_on_completed(void *userdata, struct MHD_Connection *connection, void **ret_request,
                          enum MHD_RequestTerminationCode how)
{
        Request *request = *ret_request;

        if (!request)
                return;
        suspended_connections_remove(&request->suspension);
        free(request->body);
        free(request);
        *ret_request = NULL;
}

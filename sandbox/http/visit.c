/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <netdb.h>
#include <stdio.h>
#include <time.h>

#include "sandbox/endpoints/call.h"
#include "sandbox/http/mischief.h"
#include "sandbox/http/response.h"
#include "sandbox/http/route.h"
#include "sandbox/http/visit.h"

enum {
        /* A client that sends on beyond the limit is read for its answer's sake, but not for ever.
         */
        BODY_DISCARD_MAX = 16 * CALL_BODY_MAX,
};

typedef struct Visit {
        Waiter waiter;
        struct MHD_Connection *connection;
        char *body;
        size_t body_len;
        bool body_too_large;
        bool begun; /* a fault has been drawn */
        Fault fault;
} Visit;

static Visit *visit_new(struct MHD_Connection *connection)
{
        Visit *visit = must(calloc(1, sizeof(*visit)));

        visit->connection = visit->waiter.connection = connection;
        return visit;
}

/* Returns false once the client has gone too far. */
static bool visit_gather(Visit *visit, const char *data, size_t len)
{
        visit->body_len += len;
        if (visit->body_len > CALL_BODY_MAX) {
                visit->body_too_large = true;
                return visit->body_len <= BODY_DISCARD_MAX;
        }
        if (!visit->body)
                visit->body = must(malloc(CALL_BODY_MAX));
        memcpy(visit->body + visit->body_len - len, data, len);
        return true;
}

static const char *header(Visit *visit, const char *name)
{
        return MHD_lookup_connection_value(visit->connection, MHD_HEADER_KIND, name);
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
        /* Refuses what would not be one line. */
        (void) MHD_add_response_header(response, name, value);
}

/* Pages of any origin may read the answer: their token says what they may do. */
static void add_cors(Visit *visit, struct MHD_Response *response)
{
        const char *origin = header(visit, "Origin");

        add_header(response, "Vary", "Origin");
        if (origin)
                add_header(response, "Access-Control-Allow-Origin", origin);
}

static enum MHD_Result queue(Visit *visit, unsigned status, struct MHD_Response *response)
{
        enum MHD_Result r = MHD_queue_response(visit->connection, status, response);

        MHD_destroy_response(response);
        return r;
}

static enum MHD_Result send_preflight(Visit *visit)
{
        struct MHD_Response *response;

        response = must(MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
        add_cors(visit, response);
        add_header(response, "Access-Control-Allow-Methods", "POST, OPTIONS");
        add_header(response, "Access-Control-Allow-Headers", "content-type, accept");
        add_header(response, "Access-Control-Max-Age", "600");
        return queue(visit, MHD_HTTP_NO_CONTENT, response);
}

/* Instead of the one that is there by itself, so that all clocks agree. */
static void add_date(struct MHD_Response *response, const Sandbox *sandbox)
{
        time_t now = (time_t) (sandbox_now_ms(sandbox) / 1000);
        char date[64];
        struct tm tm;

        strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
        add_header(response, "Date", date);
}

static enum MHD_Result send_reply(Visit *visit, const Sandbox *sandbox, const Route *route,
                                  const Reply *reply)
{
        struct MHD_Response *response;
        char seconds[16];

        response = visit->fault.kind == FAULT_CUT     ? response_cut(reply)
                   : visit->fault.kind == FAULT_LARGE ? response_large(visit->fault.number)
                                                      : response_whole(reply);
        add_date(response, sandbox);
        add_header(response, "Content-Type", reply->type);
        if (route && route->caller == CALLER_PAGE)
                add_cors(visit, response);
        if (route && route->caller == CALLER_SCRIPT)
                add_header(response, "Access-Control-Allow-Origin", "*");
        add_header(response, "Cache-Control", "no-store");
        if (reply->retry_after_s > 0) {
                snprintf(seconds, sizeof(seconds), "%u", reply->retry_after_s);
                add_header(response, "Retry-After", seconds);
        }
        return queue(visit, reply->status, response);
}

/* A number, without the port. */
static const char *client_address(Visit *visit, char *ret, size_t size)
{
        const struct sockaddr *address =
                MHD_get_connection_info(visit->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
                        ->client_addr;
        socklen_t len = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                       : sizeof(struct sockaddr_in);

        return getnameinfo(address, len, ret, (socklen_t) size, NULL, 0, NI_NUMERICHOST) == 0
                       ? ret
                       : NULL;
}

/* What has no route is a browser's question before a call, or a mistake. */
static enum MHD_Result serve_stranger(Visit *visit, const Call *call)
{
        _cleanup_(reply_freep) Reply *reply = NULL;

        if (streq(call->method, "OPTIONS") && route_is_for_pages(call->path))
                return send_preflight(visit);
        visit->fault.kind = FAULT_NONE;
        reply = reply_error(ERROR_NOT_FOUND, "There is no such call");
        return send_reply(visit, call->sandbox, NULL, reply);
}

static Reply *visit_work(Visit *visit, const Route *route, Call *call)
{
        char address[NI_MAXHOST];

        call->authorization = header(visit, "Authorization");
        call->content_type = header(visit, "Content-Type");
        call->origin = header(visit, "Origin");
        call->user_agent = header(visit, "User-Agent");
        call->cursor =
                MHD_lookup_connection_value(visit->connection, MHD_GET_ARGUMENT_KIND, "cursor");
        call->address = client_address(visit, address, sizeof(address));
        call->body = visit->body;
        call->body_len = visit->body_len;
        call->body_too_large = visit->body_too_large;
        return route_answer(route, call);
}

static enum MHD_Result visit_answer(Visit *visit, const Route *route, Call *call)
{
        _cleanup_(reply_freep) Reply *reply = mischief_instead(&visit->fault);

        if (!reply)
                reply = visit_work(visit, route, call);
        mischief_spoil(&visit->fault, route->field, reply);
        if (visit->fault.kind == FAULT_DROP)
                return MHD_NO;
        return send_reply(visit, call->sandbox, route, reply);
}

/* Counts a request when it is first seen whole, and draws the fault that befalls it. */
static void visit_begin(Host *host, Visit *visit, Endpoint endpoint)
{
        visit->begun = true;
        visit->fault.kind = FAULT_NONE;
        if (endpoint == ENDPOINT_NONE)
                return;
        host->sandbox->n_calls[endpoint]++;
        visit->fault = fault_list_take(&host->sandbox->faults, endpoint);
        if (visit->fault.kind == FAULT_HANG)
                waiting_room_enter(&host->waiting_room, &visit->waiter, -1);
        if (visit->fault.kind == FAULT_DELAY)
                waiting_room_enter(&host->waiting_room, &visit->waiter,
                                   (int64_t) visit->fault.number);
}

static enum MHD_Result visit_serve(Host *host, Visit *visit, Call *call)
{
        const Route *route = route_find(call);

        if (!route)
                return serve_stranger(visit, call);
        if (!visit->begun)
                visit_begin(host, visit, route->endpoint);
        if (visit->waiter.waiting)
                return MHD_YES; /* and this is called again */
        if (visit->waiter.gone || visit->fault.kind == FAULT_REFUSE)
                return MHD_NO;
        return visit_answer(visit, route, call);
}

enum MHD_Result visit_on_request(void *userdata, struct MHD_Connection *connection,
                                 const char *path, const char *method, const char *version,
                                 const char *data, size_t *data_len, void **ret_visit)
{
        Host *host = userdata;
        Visit *visit = *ret_visit;
        Call call = {.sandbox = host->sandbox, .path = path, .method = method};
        enum MHD_Result r;

        if (!visit) {
                *ret_visit = visit_new(connection);
                return MHD_YES;
        }
        if (*data_len > 0) {
                r = visit_gather(visit, data, *data_len) ? MHD_YES : MHD_NO;
                *data_len = 0;
                return r;
        }
        r = visit_serve(host, visit, &call);
        call_done(&call);
        return r;
}

void visit_on_completed(void *userdata, struct MHD_Connection *connection, void **ret_visit,
                        enum MHD_RequestTerminationCode how)
{
        Host *host = userdata;
        Visit *visit = *ret_visit;

        if (!visit)
                return;
        waiting_room_leave(&host->waiting_room, &visit->waiter);
        free(visit->body);
        free(visit);
        *ret_visit = NULL;
}

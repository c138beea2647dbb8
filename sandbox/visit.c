/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <netdb.h>
#include <stdio.h>
#include <time.h>

#include "sandbox/call.h"
#include "sandbox/mischief.h"
#include "sandbox/response.h"
#include "sandbox/route.h"
#include "sandbox/visit.h"

enum {
        /* A client that sends on beyond the limit is read for its answer's sake, but not for ever.
         */
        BODY_DISCARD_MAX = 16 * CALL_BODY_MAX,
};

struct Visit {
        struct MHD_Connection *connection;
        int fd;
        char *body;
        size_t body_len;
        bool body_too_large;
        bool begun; /* a fault has been drawn */
        Fault fault;
        bool waiting;
        bool gone;            /* the client, or our patience with it */
        int64_t resume_at_ms; /* monotonic; INT64_MAX: never */
        Visit *next;
};

static int64_t monotonic_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static Visit *visit_new(struct MHD_Connection *connection)
{
        Visit *visit = must(calloc(1, sizeof(*visit)));

        visit->connection = connection;
        visit->fd =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
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

/* The fd stays the client's for as long as the connection is suspended. */
static enum MHD_Result visit_wait(VisitList *list, Visit *visit, int64_t resume_at_ms)
{
        visit->resume_at_ms = resume_at_ms;
        visit->waiting = true;
        visit->next = list->waiting;
        list->waiting = visit;
        MHD_suspend_connection(visit->connection);
        return MHD_YES;
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

static enum MHD_Result send_reply(Visit *visit, const Route *route, const Reply *reply)
{
        struct MHD_Response *response;
        char seconds[16];

        response = visit->fault.kind == FAULT_CUT     ? response_cut(reply)
                   : visit->fault.kind == FAULT_LARGE ? response_large(visit->fault.number)
                                                      : response_whole(reply);
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

static enum MHD_Result visit_answer(Visit *visit, const Route *route, Call *call)
{
        _cleanup_(reply_freep) Reply *reply = NULL;
        char address[NI_MAXHOST];

        reply = mischief_instead(&visit->fault);
        if (!reply && visit->fault.kind == FAULT_LARGE)
                reply = reply_text(200, "application/json", "", 0);
        if (!reply) {
                call->authorization = header(visit, "Authorization");
                call->content_type = header(visit, "Content-Type");
                call->origin = header(visit, "Origin");
                call->user_agent = header(visit, "User-Agent");
                call->cursor = MHD_lookup_connection_value(visit->connection, MHD_GET_ARGUMENT_KIND,
                                                           "cursor");
                call->address = client_address(visit, address, sizeof(address));
                call->body = visit->body;
                call->body_len = visit->body_len;
                call->body_too_large = visit->body_too_large;
                reply = route_answer(route, call);
        }
        mischief_spoil(&visit->fault, route->field, reply);
        if (visit->fault.kind == FAULT_DROP)
                return MHD_NO;
        return send_reply(visit, route, reply);
}

/* Draws the fault that befalls this request, when it is first seen whole. */
static void visit_begin(VisitList *list, Visit *visit, Endpoint endpoint)
{
        visit->begun = true;
        visit->fault.kind = FAULT_NONE;
        if (endpoint == ENDPOINT_NONE)
                return;
        list->sandbox->n_calls[endpoint]++;
        visit->fault = fault_list_take(&list->sandbox->faults, endpoint);
}

static enum MHD_Result visit_serve(VisitList *list, Visit *visit, Call *call)
{
        _cleanup_(reply_freep) Reply *missing = NULL;
        const Route *route = route_find(call);

        if (!route && streq(call->method, "OPTIONS") && route_is_for_pages(call->path))
                return send_preflight(visit);
        if (!route) {
                visit->fault.kind = FAULT_NONE;
                missing = reply_error(ERROR_NOT_FOUND, "There is no such call");
                return send_reply(visit, NULL, missing);
        }
        if (!visit->begun) {
                visit_begin(list, visit, route->endpoint);
                if (visit->fault.kind == FAULT_HANG)
                        return visit_wait(list, visit, INT64_MAX);
                if (visit->fault.kind == FAULT_DELAY)
                        return visit_wait(list, visit,
                                          monotonic_ms() + (int64_t) visit->fault.number);
        }
        if (visit->gone || visit->fault.kind == FAULT_REFUSE)
                return MHD_NO;
        return visit_answer(visit, route, call);
}

enum MHD_Result visit_on_request(void *userdata, struct MHD_Connection *connection,
                                 const char *path, const char *method, const char *version,
                                 const char *data, size_t *data_len, void **ret_visit)
{
        VisitList *list = userdata;
        Visit *visit = *ret_visit;
        Call call = {.sandbox = list->sandbox, .path = path, .method = method};
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
        r = visit_serve(list, visit, &call);
        call_done(&call);
        return r;
}

static void forget(VisitList *list, Visit *visit)
{
        for (Visit **p = &list->waiting; *p; p = &(*p)->next) {
                if (*p != visit)
                        continue;
                *p = visit->next;
                break;
        }
        visit->waiting = false;
}

void visit_on_completed(void *userdata, struct MHD_Connection *connection, void **ret_visit,
                        enum MHD_RequestTerminationCode how)
{
        VisitList *list = userdata;
        Visit *visit = *ret_visit;

        if (!visit)
                return;
        if (visit->waiting)
                forget(list, visit);
        free(visit->body);
        free(visit);
        *ret_visit = NULL;
}

int64_t visit_list_timeout_ms(const VisitList *list)
{
        int64_t first = INT64_MAX, now = monotonic_ms();

        for (const Visit *v = list->waiting; v; v = v->next)
                if (v->resume_at_ms < first)
                        first = v->resume_at_ms;
        if (first == INT64_MAX)
                return -1;
        return first > now ? first - now : 0;
}

struct pollfd *visit_list_poll(VisitList *list, size_t n_own, size_t *ret_n_fds)
{
        size_t n = n_own;

        for (const Visit *v = list->waiting; v; v = v->next)
                n++;
        list->fds = must(reallocarray(list->fds, n, sizeof(*list->fds)));
        n = n_own;
        for (const Visit *v = list->waiting; v; v = v->next)
                list->fds[n++] = (struct pollfd){.fd = v->fd, .events = POLLRDHUP};
        *ret_n_fds = n;
        return list->fds;
}

static void resume(VisitList *list, Visit *visit)
{
        forget(list, visit);
        MHD_resume_connection(visit->connection);
}

void visit_list_resume(VisitList *list, size_t n_own)
{
        int64_t now = monotonic_ms();
        size_t n = n_own;

        for (Visit *v = list->waiting, *next; v; v = next, n++) {
                next = v->next;
                v->gone = list->fds[n].revents;
                if (v->gone || v->resume_at_ms <= now)
                        resume(list, v);
        }
}

void visit_list_abandon(VisitList *list)
{
        while (list->waiting) {
                list->waiting->gone = true;
                resume(list, list->waiting);
        }
}

void visit_list_done(VisitList *list)
{
        free(list->fds);
        list->fds = NULL;
}

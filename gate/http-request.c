/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/text.h"
#include "gate/http-connection.h"
#include "gate/http-error.h"
#include "gate/http-request.h"
#include "gate/http-server-internal.h"

void http_request_suspend(HttpRequest *request)
{
        if (request->suspended)
                return;
        request->suspended = true;
        http_connection_watch(request->connection);
        MHD_suspend_connection(request->mhd);
}

void http_request_resume(HttpRequest *request)
{
        if (!request->suspended)
                return;
        request->suspended = false;
        MHD_resume_connection(request->mhd);
        http_server_run_soon(request->connection->server);
}

void http_request_reply(HttpRequest *request, HttpReply reply)
{
        http_reply_done(&request->reply);
        request->reply = reply;
        if (!reply.response)
                request->aborted = true; /* out of memory */
        http_request_resume(request);
}

void http_request_abort(HttpRequest *request)
{
        request->aborted = true;
        http_request_resume(request);
}

const char *http_request_header(const HttpRequest *request, const char *name)
{
        return MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
}

/* State of http_request_parameter(). */
typedef struct Query {
        const char *name;
        const char *value;
        unsigned n;
        bool invalid;
} Query;

static enum MHD_Result on_parameter(void *userdata, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
        Query *query = userdata;

        query->invalid |= !streq(key, query->name) || !value || query->n++ > 0;
        query->value = value;
        return MHD_YES;
}

int http_request_parameter(const HttpRequest *request, const char *name, const char **ret)
{
        Query query = {.name = name};

        (void) MHD_get_connection_values(request->mhd, MHD_GET_ARGUMENT_KIND, on_parameter, &query);
        if (query.invalid)
                return ERROR_INVALID_ARGS;
        *ret = query.value;
        return 0;
}

/* Called for the request line: from here on the request must arrive in time. */
void *http_request_on_line(void *userdata, const char *uri, struct MHD_Connection *mhd)
{
        HttpRequest *request = calloc(1, sizeof(HttpRequest));

        if (!request)
                return NULL;
        request->connection = http_connection_of(mhd);
        request->mhd = mhd;
        if (request->connection) {
                request->connection->request = request;
                http_connection_set_deadline(request->connection, HTTP_REQUEST_SEC);
        }
        return request;
}

/* Whether the client has announced a body that is too long; it is refused before it is sent. */
static bool announces_large_body(const HttpRequest *request)
{
        const char *text = http_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);

        return !isempty(text) && !streq(text, "0") && text_parse_number(text, HTTP_BODY_MAX) == 0;
}

/* A longer body is discarded: the deadline limits how long. */
static void append_body(HttpRequest *request, const char *data, size_t len)
{
        if (len > HTTP_BODY_MAX - request->body.len)
                request->body_too_large = true;
        else
                text_buffer_append(&request->body, data, len);
}

static enum MHD_Result queue_reply(HttpRequest *request)
{
        const HttpServer *server = request->connection->server;
        enum MHD_Result r;

        if (server->stopping)
                http_reply_add_header(&request->reply, MHD_HTTP_HEADER_CONNECTION, "close");
        if (!request->reply.response)
                return MHD_NO;
        http_connection_set_deadline(request->connection, HTTP_REPLY_SEC);
        r = MHD_queue_response(request->mhd, request->reply.status, request->reply.response);
        http_reply_done(&request->reply);
        return r;
}

static void serve(HttpRequest *request)
{
        const HttpServer *server = request->connection->server;

        request->served = true;
        http_connection_set_deadline(request->connection, 0);
        if (request->body.failed)
                http_request_reply(request, http_reply_error(-ENOMEM, NULL));
        else if (request->body_too_large)
                http_request_reply(request, http_reply_error(HTTP_ERROR_BODY_TOO_LARGE, NULL));
        else
                server->handlers->on_request(request, server->userdata);
}

enum MHD_Result http_request_on_access(void *userdata, struct MHD_Connection *mhd, const char *path,
                                       const char *method, const char *version, const char *data,
                                       size_t *data_len, void **ret_request)
{
        HttpRequest *request = *ret_request;

        if (!request || !request->connection || request->aborted)
                return MHD_NO;
        request->path = path;
        request->method = method;
        request->version = version;
        if (!request->begun) {
                request->begun = true;
                request->body_too_large = announces_large_body(request);
                if (!request->body_too_large)
                        return MHD_YES;
        } else if (*data_len > 0) {
                append_body(request, data, *data_len);
                *data_len = 0;
                return MHD_YES;
        }
        if (!request->served)
                serve(request);
        if (request->aborted)
                return MHD_NO;
        if (request->reply.response)
                return queue_reply(request);
        http_request_suspend(request);
        return MHD_YES;
}

void http_request_on_completed(void *userdata, struct MHD_Connection *mhd, void **ret_request,
                               enum MHD_RequestTerminationCode how)
{
        HttpRequest *request = *ret_request;

        if (!request)
                return;
        if (request->end)
                request->end(request, request->operation);
        if (request->connection)
                http_connection_end_request(request->connection);
        http_reply_done(&request->reply);
        text_buffer_done(&request->body);
        free(request);
        *ret_request = NULL;
}

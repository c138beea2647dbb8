/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "examples/webapp/request.h"
#include "examples/webapp/server.h"

#define SESSION_COOKIE "session"

const char *request_header(const Request *request, const char *name)
{
        return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *request_session(const Request *request)
{
        return MHD_lookup_connection_value(request->connection, MHD_COOKIE_KIND, SESSION_COOKIE);
}

const char *request_string(const Request *request, const char *name)
{
        return json_string_value(json_object_get(request->json, name));
}

bool request_is_true(const Request *request, const char *name)
{
        return json_is_true(json_object_get(request->json, name));
}

int request_set_session(Request *request, const char *token)
{
        const char *secure = strncmp(server_origin(request->server), "https:", 6) ? "" : "; Secure";
        char *cookie;

        if (asprintf(&cookie, SESSION_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict%s%s",
                     token ? token : "", secure, token ? "" : "; Max-Age=0") < 0)
                return -ENOMEM;
        free(request->cookie);
        request->cookie = cookie;
        return 0;
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
        if (MHD_add_response_header(response, name, value) != MHD_YES)
                fprintf(stderr, "Failed to add the header %s\n", name);
}

void request_reply(Request *request, unsigned int status, struct MHD_Response *response)
{
        add_header(response, "Content-Security-Policy", server_content_policy(request->server));
        add_header(response, "X-Content-Type-Options", "nosniff");
        add_header(response, "Referrer-Policy", "no-referrer");
        add_header(response, "Cross-Origin-Opener-Policy", "same-origin");
        add_header(response, "Cross-Origin-Resource-Policy", "same-origin");
        if (request->cookie)
                add_header(response, MHD_HTTP_HEADER_SET_COOKIE, request->cookie);

        request->status = status;
        request->response = response;
        if (request->is_waiting)
                server_resume(request->server, request);
}

void request_reply_json(Request *request, unsigned int status, json_t *json)
{
        static char out_of_memory[] = "{\"error\":{\"code\":\"NoMemory\","
                                      "\"message\":\"The server is out of memory.\"}}";
        char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
        struct MHD_Response *response;

        json_decref(json);
        if (!text)
                status = MHD_HTTP_INTERNAL_SERVER_ERROR;
        response = MHD_create_response_from_buffer(
                strlen(text ? text : out_of_memory), text ? text : out_of_memory,
                text ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
        if (!response)
                abort(); /* no memory for the out-of-memory reply */
        add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
        add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        request_reply(request, status, response);
}

void request_fail(Request *request, unsigned int status, const char *code, const char *message)
{
        request_reply_json(request, status,
                           json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", message));
}

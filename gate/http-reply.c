/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "base/wiping-allocator.h"
#include "gate/http-error.h"
#include "gate/http-reply.h"

/* For errors without a hint from the daemon, such as a restart. */
#define RETRY_AFTER_S_DEFAULT 1U

void http_reply_add_header(HttpReply *reply, const char *name, const char *value)
{
        if (reply->response && MHD_add_response_header(reply->response, name, value) != MHD_YES)
                http_reply_done(reply);
}

/* Replies contain tokens, codes and user ids. */
static void add_headers(HttpReply *reply, const char *type)
{
        http_reply_add_header(reply, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        http_reply_add_header(reply, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

HttpReply http_reply_text(TextBuffer *text, const char *type)
{
        HttpReply reply = {.status = MHD_HTTP_OK};

        if (!text->failed)
                reply.response = MHD_create_response_from_buffer_with_free_callback(
                        text->len, text->s, wiping_free);
        if (reply.response)
                *text = (TextBuffer){};
        else
                text_buffer_done(text);
        add_headers(&reply, type);
        return reply;
}

HttpReply http_reply_static(const char *text, size_t len, const char *type)
{
        HttpReply reply = {.status = MHD_HTTP_OK};

        reply.response =
                MHD_create_response_from_buffer(len, (void *) text, MHD_RESPMEM_PERSISTENT);
        add_headers(&reply, type);
        return reply;
}

static void add_retry_after(HttpReply *reply, const char *text)
{
        char seconds[16];

        if (reply->status != MHD_HTTP_TOO_MANY_REQUESTS &&
            reply->status != MHD_HTTP_SERVICE_UNAVAILABLE)
                return;
        snprintf(seconds, sizeof(seconds), "%u",
                 http_error_retry_after_s(text) ?: RETRY_AFTER_S_DEFAULT);
        http_reply_add_header(reply, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
}

HttpReply http_reply_error(int r, const char *text)
{
        int error = http_error_from_result(r);
        TextBuffer body = {};
        HttpReply reply;

        if (r < 0 || !text)
                text = http_error_text(error);
        text_buffer_printf(&body, "{\"error\":\"%s\",\"message\":", http_error_name(error));
        text_buffer_append_json(&body, text);
        text_buffer_append(&body, "}", 1);
        reply = http_reply_text(&body, HTTP_TYPE_JSON);
        reply.error = error;
        reply.status = http_error_status(error);
        add_retry_after(&reply, text);
        return reply;
}

void http_reply_done(HttpReply *reply)
{
        if (reply->response)
                MHD_destroy_response(reply->response);
        reply->response = NULL;
}

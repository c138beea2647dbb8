/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <microhttpd.h>

#include "gate/text-buffer.h"

/* A reply to an HTTP request. */
typedef struct HttpReply {
        unsigned status;
        int error; /* of http-error.h; 0: success */
        struct MHD_Response *response;
} HttpReply;

#define HTTP_TYPE_JSON "application/json"

/* Takes the text, which is empty afterwards. An allocation that failed gives a reply without a
 * response. */
HttpReply http_reply_text(TextBuffer *text, const char *type);

/* A static text. */
HttpReply http_reply_static(const char *text, size_t len, const char *type);

/* The error of a result: an Error, an HttpError or a negative errno. `text` may be
 * NULL, and replaces the text of an Error or HttpError. */
HttpReply http_reply_error(int r, const char *text);

/* Adds a header. `value` is ASCII. */
void http_reply_add_header(HttpReply *reply, const char *name, const char *value);

void http_reply_done(HttpReply *reply);

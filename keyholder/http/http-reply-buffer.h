/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Buffers a reply while it is received, and rejects malformed ones. Zero-initialised with
 * `body_len_max` set, it is empty. */
typedef struct HttpReplyBuffer {
        size_t headers_len; /* interim replies included */
        bool headers_complete;
        bool has_content_length;
        uint64_t content_length;
        char *body; /* NUL-terminated; NULL: empty */
        size_t body_len;
        size_t body_size; /* allocated */
        size_t body_len_max;
} HttpReplyBuffer;

/* Return 0, -EBADMSG (headers too long or contradictory), -EMSGSIZE (body too long) or -ENOMEM. */
int http_reply_buffer_add_header(HttpReplyBuffer *buffer, const char *line, size_t len);
int http_reply_buffer_add_body(HttpReplyBuffer *buffer, const char *bytes, size_t len);

/* Wipes and frees the body. */
void http_reply_buffer_clear(HttpReplyBuffer *buffer);

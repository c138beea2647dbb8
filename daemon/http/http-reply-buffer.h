/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * A reply as it comes in, header lines first and then its body, and what is refused of it. Zero-
 * initialised, with `body_len_max` set, it is empty.
 */
typedef struct HttpReplyBuffer {
        size_t headers_len; /* of all lines, also those of interim replies */
        bool headers_complete;
        bool has_content_length;
        uint64_t content_length;
        char *body; /* NUL-terminated; NULL: nothing came */
        size_t body_len;
        size_t body_size; /* allocated */
        size_t body_len_max;
} HttpReplyBuffer;

/* These return 0, or why the reply is not acceptable: -EBADMSG for headers that are too long or
 * contradict each other, -EMSGSIZE for a body that is too long, -ENOMEM. */
int http_reply_buffer_add_header(HttpReplyBuffer *buffer, const char *line, size_t len);
int http_reply_buffer_add_body(HttpReplyBuffer *buffer, const char *bytes, size_t len);

/* Wipes and frees the body. */
void http_reply_buffer_clear(HttpReplyBuffer *buffer);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * A reply as it comes in, header lines first and then its body, and what is refused of it. Zero-
 * initialised, with `body_len_max` set, it is empty.
 */
typedef struct HttpIncoming {
        size_t headers_len; /* of all lines, also those of interim replies */
        bool headers_complete;
        bool has_content_length;
        uint64_t content_length;
        char *body; /* NUL-terminated; NULL: nothing came */
        size_t body_len;
        size_t body_size; /* allocated */
        size_t body_len_max;
} HttpIncoming;

/* These return 0, or why the reply is not acceptable: -EBADMSG for headers that are too long or
 * contradict each other, -EMSGSIZE for a body that is too long, -ENOMEM. */
int http_incoming_add_header(HttpIncoming *incoming, const char *line, size_t len);
int http_incoming_add_body(HttpIncoming *incoming, const char *bytes, size_t len);

/* Wipes and frees the body. */
void http_incoming_clear(HttpIncoming *incoming);

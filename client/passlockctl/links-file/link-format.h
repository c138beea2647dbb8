/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "base/macro.h"

/*
 * Links in a file, as JSON, one object on a line:
 *
 *      {"format":"passlock-links","version":1,"tenancy_id":"…","exported_at":1700000000000}
 *      {"authenticator_id":"…","user_id":"…","created_at":…,"last_used_at":…,"platform_name":"…"}
 *      …
 *      {"links":2}
 *
 * The first line says what it is, and the last one how many there are between, so that a file that
 * was cut off can be told. platform_name is there if it is known. There are no other members.
 */

/* Lines without their end, malloc'ed; NULL if there is no memory. */
char *link_format_header(const char *tenancy_id, uint64_t exported_at_ms);
char *link_format_link(const passlock_link *link);
char *link_format_trailer(uint64_t n_links);

/* No line is longer. */
#define LINK_LINE_MAX 16384U

typedef enum LineKind {
        LINE_HEADER,
        LINE_LINK,
        LINE_TRAILER,
} LineKind;

typedef struct Line {
        LineKind kind;
        char *tenancy_id;    /* of a header */
        passlock_link *link; /* of a link */
        uint64_t n_links;    /* of a trailer */
} Line;

void line_clear(Line *line);

/* Reads a line. Returns 0, -ENOMEM, or -EBADMSG with what is wrong in `ret_text`. */
int link_format_parse(const char *bytes, size_t len, Line *ret, char ret_text[static 256]);

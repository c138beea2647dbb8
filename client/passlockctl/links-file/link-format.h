/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "base/macro.h"

/*
 * The export format: JSON lines.
 *
 *     {"format":"passlock-links","version":1,"tenancy_id":"…","exported_at":1700000000000}
 *     {"authenticator_id":"…","user_id":"…","created_at":…,"last_used_at":…,"platform_name":"…"}
 *     …
 *     {"links":2}
 *
 * The first line is a header, the last line has the number of links, so that a truncated file is
 * detected. platform_name is optional. Other members are errors.
 */

/* Lines without newline. Free with free(); NULL if out of memory. */
char *link_format_header(const char *tenancy_id, uint64_t exported_at_ms);
char *link_format_link(const passlock_link *link);
char *link_format_trailer(uint64_t n_links);

/* Maximum length of a line. */
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

/* Parses a line. Returns 0, -ENOMEM, or -EBADMSG with an error message in `ret_text`. */
int link_format_parse(const char *bytes, size_t len, Line *ret, char ret_text[static 256]);

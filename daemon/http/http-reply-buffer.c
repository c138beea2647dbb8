/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <strings.h>

#include "base/wiping-allocator.h"
#include "daemon/http/http-reply-buffer.h"

/* All header lines of a reply together, also interim ones. */
#define HEADERS_LEN_MAX (64U * 1024)

/* The number that a header line has as its value: digits and nothing else. */
static bool read_length(const char *value, size_t len, uint64_t *ret)
{
        uint64_t number = 0;
        size_t i = 0;

        while (len > 0 && strchr(" \t\r\n", value[len - 1]))
                len--;
        while (i < len && (value[i] == ' ' || value[i] == '\t'))
                i++;
        if (i == len || len - i > 18)
                return false;
        for (; i < len; i++) {
                if (value[i] < '0' || value[i] > '9')
                        return false;
                number = number * 10 + (uint64_t) (value[i] - '0');
        }
        *ret = number;
        return true;
}

/* Two lengths contradict each other; a proxy may go by either. */
static int check_content_length(HttpIncoming *incoming, const char *line, size_t len)
{
        static const char name[] = "Content-Length:";
        const size_t name_len = sizeof(name) - 1;
        uint64_t length;

        if (len < name_len || strncasecmp(line, name, name_len) != 0)
                return 0;
        if (!read_length(line + name_len, len - name_len, &length) ||
            (incoming->has_content_length && length != incoming->content_length))
                return -EBADMSG;
        incoming->has_content_length = true;
        incoming->content_length = length;
        return 0;
}

int http_incoming_add_header(HttpIncoming *incoming, const char *line, size_t len)
{
        incoming->headers_len += len;
        if (incoming->headers_len > HEADERS_LEN_MAX)
                return -EBADMSG;
        /* An empty line ends them, until an interim reply is followed by another status line. */
        if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
                incoming->headers_complete = false;
                incoming->has_content_length = false;
        } else if (len <= 2) {
                incoming->headers_complete = true;
        } else if (!incoming->headers_complete) {
                return check_content_length(incoming, line, len);
        }
        return 0;
}

static int body_reserve(HttpIncoming *incoming, size_t len)
{
        size_t size = incoming->body_size ? incoming->body_size : 1024;
        char *body;

        while (size < len)
                size *= 2;
        if (size == incoming->body_size)
                return 0;
        body = wiping_realloc(incoming->body, size);
        if (!body)
                return -ENOMEM;
        incoming->body = body;
        incoming->body_size = size;
        return 0;
}

int http_incoming_add_body(HttpIncoming *incoming, const char *bytes, size_t len)
{
        int r;

        if (len > incoming->body_len_max - incoming->body_len)
                return -EMSGSIZE;
        r = body_reserve(incoming, incoming->body_len + len + 1);
        if (r < 0)
                return r;
        memcpy(incoming->body + incoming->body_len, bytes, len);
        incoming->body_len += len;
        incoming->body[incoming->body_len] = '\0';
        return 0;
}

void http_incoming_clear(HttpIncoming *incoming)
{
        wiping_free(incoming->body);
        *incoming = (HttpIncoming){};
}

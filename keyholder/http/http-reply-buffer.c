/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <strings.h>

#include "base/wiping-allocator.h"
#include "keyholder/http/http-reply-buffer.h"

/* Limit for all header lines of a reply, interim replies included. */
#define HEADERS_LEN_MAX (64U * 1024)

/* Parses a header value of digits only. */
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

/* Conflicting Content-Length values allow response splitting. */
static int check_content_length(HttpReplyBuffer *buffer, const char *line, size_t len)
{
        static const char name[] = "Content-Length:";
        const size_t name_len = sizeof(name) - 1;
        uint64_t length;

        if (len < name_len || strncasecmp(line, name, name_len) != 0)
                return 0;
        if (!read_length(line + name_len, len - name_len, &length) ||
            (buffer->has_content_length && length != buffer->content_length))
                return -EBADMSG;
        buffer->has_content_length = true;
        buffer->content_length = length;
        return 0;
}

/* A status line is the first line, or the first line after an interim reply, and has a space before
 * any colon: "HTTP/x: y" is a header or a trailer. */
static bool is_status_line(const HttpReplyBuffer *buffer, const char *line, size_t len)
{
        const char *blank = memchr(line, ' ', len), *colon = memchr(line, ':', len);

        return (buffer->headers_len == len || buffer->headers_complete) && len >= 5 &&
               memcmp(line, "HTTP/", 5) == 0 && (!colon || (blank && blank < colon));
}

int http_reply_buffer_add_header(HttpReplyBuffer *buffer, const char *line, size_t len)
{
        buffer->headers_len += len;
        if (buffer->headers_len > HEADERS_LEN_MAX)
                return -EBADMSG;
        /* An empty line ends the headers, unless an interim reply is followed by another status
         * line. */
        if (is_status_line(buffer, line, len)) {
                buffer->headers_complete = false;
                buffer->has_content_length = false;
        } else if (len <= 2) {
                buffer->headers_complete = true;
        } else if (!buffer->headers_complete) {
                return check_content_length(buffer, line, len);
        }
        return 0;
}

static int body_reserve(HttpReplyBuffer *buffer, size_t len)
{
        size_t size = buffer->body_size ? buffer->body_size : 1024;
        char *body;

        while (size < len)
                size *= 2;
        if (size == buffer->body_size)
                return 0;
        body = wiping_realloc(buffer->body, size);
        if (!body)
                return -ENOMEM;
        buffer->body = body;
        buffer->body_size = size;
        return 0;
}

int http_reply_buffer_add_body(HttpReplyBuffer *buffer, const char *bytes, size_t len)
{
        int r;

        assert(buffer->body_len <= buffer->body_len_max);
        if (len > buffer->body_len_max - buffer->body_len)
                return -EMSGSIZE;
        r = body_reserve(buffer, buffer->body_len + len + 1);
        if (r < 0)
                return r;
        memcpy(buffer->body + buffer->body_len, bytes, len);
        buffer->body_len += len;
        buffer->body[buffer->body_len] = '\0';
        return 0;
}

void http_reply_buffer_clear(HttpReplyBuffer *buffer)
{
        wiping_free(buffer->body);
        *buffer = (HttpReplyBuffer){};
}

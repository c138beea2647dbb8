/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/http/response.h"

enum { BLOCK_LEN = 32 * 1024 };

struct MHD_Response *response_whole(const Reply *reply)
{
        size_t len;
        char *body = reply_body(reply, &len);

        return must(MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE));
}

typedef struct Body {
        char *data;
        size_t len;
} Body;

static void body_free(void *userdata)
{
        Body *body = userdata;

        free(body->data);
        free(body);
}

static ssize_t read_first_half(void *userdata, uint64_t offset, char *buffer, size_t size)
{
        const Body *body = userdata;
        size_t n = body->len / 2 - offset;

        if (n == 0)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        if (n > size)
                n = size;
        memcpy(buffer, body->data + offset, n);
        return (ssize_t) n;
}

struct MHD_Response *response_cut(const Reply *reply)
{
        Body *body = must(calloc(1, sizeof(*body)));

        body->data = reply_body(reply, &body->len);
        return must(MHD_create_response_from_callback(body->len, BLOCK_LEN, read_first_half, body,
                                                      body_free));
}

static const char large_start[] = "{\"_tag\":\"Large\",\"padding\":\"";
static const char large_end[] = "\"}";

static ssize_t read_large(void *userdata, uint64_t offset, char *buffer, size_t size)
{
        uint64_t len = *(uint64_t *) userdata, end_at = len - strlen(large_end);

        if (size > len - offset)
                size = len - offset;
        for (size_t i = 0; i < size; i++, offset++)
                buffer[i] = offset < strlen(large_start) ? large_start[offset]
                            : offset >= end_at           ? large_end[offset - end_at]
                                                         : 'x';
        return (ssize_t) size;
}

struct MHD_Response *response_large(uint64_t len)
{
        uint64_t *total = must(malloc(sizeof(*total)));

        *total = len;
        return must(MHD_create_response_from_callback(len, BLOCK_LEN, read_large, total, free));
}

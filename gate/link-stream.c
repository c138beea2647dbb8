/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate/http-connection.h"
#include "gate/link-stream.h"

#define BLOCK_SIZE 4096U
/* Shorter than the read timeouts of HTTP clients. */
#define KEEP_ALIVE_SEC 30U

static const TextBuffer comment = {.s = (char *) ":\n\n", .len = 3};

/* Reader of libmicrohttpd. */
static ssize_t read_queue(void *userdata, uint64_t pos, char *buf, size_t max)
{
        LinkStream *stream = userdata;
        size_t n = stream->queue.len < max ? stream->queue.len : max;

        /* After an error MHD keeps a connection without further events until it stops. */
        if (stream->request->aborted)
                return MHD_CONTENT_READER_END_OF_STREAM;
        if (n > 0) {
                memcpy(buf, stream->queue.s, n);
                text_buffer_drop(&stream->queue, n);
        }
        if (stream->queue.len == 0)
                http_connection_set_deadline(stream->request->connection, 0);
        if (n == 0 && stream->ended)
                return MHD_CONTENT_READER_END_OF_STREAM;
        if (n == 0)
                http_request_suspend(stream->request);
        return (ssize_t) n;
}

void link_stream_start(LinkStream *stream)
{
        HttpReply reply = {.status = MHD_HTTP_OK};

        stream->started = true;
        reply.response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_queue,
                                                           stream, NULL);
        http_reply_add_header(&reply, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
        http_reply_add_header(&reply, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        http_request_reply(stream->request, reply);
}

void link_stream_cut(LinkStream *stream)
{
        text_buffer_done(&stream->queue);
        http_connection_cut(stream->request->connection);
}

void link_stream_send(LinkStream *stream, const TextBuffer *event)
{
        if (stream->ended || stream->request->aborted)
                return;
        stream->idle_sec = 0;
        if (stream->queue.len == 0)
                http_connection_set_deadline(stream->request->connection, HTTP_REPLY_SEC);
        text_buffer_append(&stream->queue, event->s, event->len);
        if (event->failed || stream->queue.failed)
                link_stream_cut(stream);
        else
                http_request_resume(stream->request);
}

void link_stream_end(LinkStream *stream)
{
        stream->ended = true;
        http_request_resume(stream->request);
}

void link_stream_tick(LinkStream *stream)
{
        if (stream->started && ++stream->idle_sec >= KEEP_ALIVE_SEC)
                link_stream_send(stream, &comment);
}

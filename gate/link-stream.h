/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "gate/http-request.h"

/* A stream of server-sent events: the endless reply to a request. */
typedef struct LinkStream {
        LIST_ENTRY(LinkStream) entry;
        HttpRequest *request;
        struct LinkWatch *watch;
        TextBuffer queue; /* not yet sent */
        bool started;     /* the headers are sent */
        bool ended;       /* ends after the queue */
        unsigned idle_sec;
} LinkStream;

/* Starts the reply. */
void link_stream_start(LinkStream *stream);

/* Queues an event. A client that does not read its queue in time is disconnected. */
void link_stream_send(LinkStream *stream, const TextBuffer *event);

/* Drops the queue, and disconnects the client. */
void link_stream_cut(LinkStream *stream);

/* Ends the stream after the queue. */
void link_stream_end(LinkStream *stream);

/* Sends a comment if the stream was idle for long. Called once a second. */
void link_stream_tick(LinkStream *stream);

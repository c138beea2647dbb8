/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "dbus/error.h"
#include "gate/http-error.h"
#include "gate/link-stream.h"
#include "gate/link-streams.h"

#define STREAMS_MAX 32U
/* Bytes in all queues: the library delivers many changes before a client can read the first. */
#define QUEUED_MAX (32U * 1024U * 1024U)
/* As in a signal of the daemon. */
#define PAIRS_MAX 1000U

typedef struct LinkWatch {
        LIST_ENTRY(LinkWatch) entry;
        LinkStreams *owner;
        passlock_monitor *monitor;
        char *label; /* NULL: the default tenancy */
        bool watching;
        bool lost; /* takes no more streams: a new monitor starts the daemon */
        LIST_HEAD(, LinkStream) streams;

        /* Changes to be sent: pairs in JSON, separated by commas. */
        TextBuffer added, removed;
        size_t n_pairs;
} LinkWatch;

void link_streams_init(LinkStreams *streams, passlock *client)
{
        *streams = (LinkStreams){.client = client};
        LIST_INIT(&streams->watches);
}

/* Disconnects the client that is most behind, if too much is queued. */
static void limit_queues(const LinkStreams *streams)
{
        LinkStream *stream, *longest = NULL;
        LinkWatch *watch;
        size_t n_queued = 0;

        LIST_FOREACH(watch, &streams->watches, entry)
                LIST_FOREACH(stream, &watch->streams, entry) {
                        n_queued += stream->queue.len;
                        if (!longest || stream->queue.len > longest->queue.len)
                                longest = stream;
                }
        if (n_queued > QUEUED_MAX)
                link_stream_cut(longest);
}

static void watch_send(const LinkWatch *watch, const TextBuffer *event)
{
        LinkStream *stream;

        LIST_FOREACH(stream, &watch->streams, entry)
                if (stream->started) {
                        link_stream_send(stream, event);
                        limit_queues(watch->owner);
                }
}

/* Appends a pair of strings to an array. */
static void append_pair(TextBuffer *pairs, const char *user_id, const char *authenticator_id)
{
        if (pairs->len > 0)
                text_buffer_append(pairs, ",", 1);
        text_buffer_append(pairs, "[", 1);
        text_buffer_append_json(pairs, user_id);
        text_buffer_append(pairs, ",", 1);
        text_buffer_append_json(pairs, authenticator_id);
        text_buffer_append(pairs, "]", 1);
}

static void append_array(TextBuffer *event, const char *name, TextBuffer *pairs)
{
        event->failed |= pairs->failed;
        text_buffer_printf(event, "\"%s\":[", name);
        text_buffer_append(event, pairs->s, pairs->len);
        text_buffer_append(event, "]", 1);
        text_buffer_done(pairs);
}

static void watch_flush(LinkWatch *watch)
{
        TextBuffer event = {};

        if (watch->n_pairs == 0)
                return;
        watch->n_pairs = 0;
        text_buffer_printf(&event, "event: Changed\ndata: {");
        append_array(&event, "added", &watch->added);
        text_buffer_append(&event, ",", 1);
        append_array(&event, "removed", &watch->removed);
        text_buffer_printf(&event, "}\n\n");
        watch_send(watch, &event);
        text_buffer_done(&event);
}

/* In an event, removals come before additions. */
static void watch_add_change(LinkWatch *watch, bool is_added, const char *user_id,
                             const char *authenticator_id)
{
        if ((!is_added && watch->added.len > 0) || watch->n_pairs >= PAIRS_MAX)
                watch_flush(watch);
        append_pair(is_added ? &watch->added : &watch->removed, user_id, authenticator_id);
        watch->n_pairs++;
}

static void stream_start(LinkStream *stream)
{
        static const char text[] = "event: Watched\ndata: {}\n\n";

        if (!stream->started)
                link_stream_start(stream);
        link_stream_send(stream, &(TextBuffer){.s = (char *) text, .len = strlen(text)});
}

static void watch_start(LinkWatch *watch)
{
        LinkStream *stream;

        watch->watching = true;
        watch->lost = false;
        LIST_FOREACH(stream, &watch->streams, entry)
                stream_start(stream);
}

/* After an error that the daemon replied, the library does not watch again before a restart of the
 * daemon: the streams end. */
static void watch_lose(LinkWatch *watch, int r)
{
        int error = http_error_from_result(r);
        TextBuffer event = {};
        LinkStream *stream;

        watch->watching = false;
        watch->lost = true;
        text_buffer_printf(&event, "event: Lost\ndata: {\"error\":\"%s\",\"message\":\"%s\"}\n\n",
                           http_error_name(error), http_error_text(error));
        watch_send(watch, &event);
        text_buffer_done(&event);
        LIST_FOREACH(stream, &watch->streams, entry)
                if (!stream->started)
                        http_request_reply(stream->request, http_reply_error(r, NULL));
                else if (r > 0)
                        link_stream_end(stream);
}

static void on_change(passlock *client, enum passlock_links_change change, int r,
                      const char *user_id, const char *authenticator_id, void *userdata)
{
        LinkWatch *watch = userdata;

        if (change == PASSLOCK_LINKS_ADDED || change == PASSLOCK_LINKS_REMOVED) {
                watch_add_change(watch, change == PASSLOCK_LINKS_ADDED, user_id, authenticator_id);
                return;
        }
        watch_flush(watch);
        if (change == PASSLOCK_LINKS_WATCHED)
                watch_start(watch);
        else if (change == PASSLOCK_LINKS_LOST)
                watch_lose(watch, r);
}

static LinkWatch *watch_free(LinkWatch *watch)
{
        passlock_monitor_cancel(watch->monitor);
        LIST_REMOVE(watch, entry);
        text_buffer_done(&watch->added);
        text_buffer_done(&watch->removed);
        free(watch->label);
        free(watch);
        return NULL;
}
DEFINE_CLEANUP(LinkWatch *, watch_free);

/* Watches the client's tenancy. */
static int watch_new(LinkStreams *streams, const char *label, LinkWatch **ret)
{
        _cleanup_(watch_freep) LinkWatch *watch = calloc(1, sizeof(LinkWatch));
        int r;

        if (!watch)
                return -ENOMEM;
        watch->owner = streams;
        LIST_INIT(&watch->streams);
        LIST_INSERT_HEAD(&streams->watches, watch, entry);
        watch->label = label ? strdup(label) : NULL;
        if (label && !watch->label)
                return -ENOMEM;
        r = passlock_links_monitor(streams->client, on_change, watch, &watch->monitor);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(watch);
        return 0;
}

static int find_watch(LinkStreams *streams, const char *label, LinkWatch **ret)
{
        LinkWatch *watch;

        LIST_FOREACH(watch, &streams->watches, entry)
                if (!watch->lost && streq_ptr(watch->label, label)) {
                        *ret = watch;
                        return 0;
                }
        return watch_new(streams, label, ret);
}

/* The watch of a stream ends with its last stream. */
static void on_end(HttpRequest *request, void *operation)
{
        LinkStream *stream = operation;
        LinkWatch *watch = stream->watch;

        LIST_REMOVE(stream, entry);
        watch->owner->n_streams--;
        if (LIST_EMPTY(&watch->streams))
                watch_free(watch);
        text_buffer_done(&stream->queue);
        free(stream);
}

int link_streams_open(LinkStreams *streams, const char *label, HttpRequest *request)
{
        LinkStream *stream;
        LinkWatch *watch;
        int r;

        if (streams->n_streams >= STREAMS_MAX)
                return ERROR_LIMITS_EXCEEDED;
        stream = calloc(1, sizeof(LinkStream));
        if (!stream)
                return -ENOMEM;
        r = find_watch(streams, label, &watch);
        if (r != 0) {
                free(stream);
                return r;
        }
        stream->request = request;
        stream->watch = watch;
        request->operation = stream;
        request->end = on_end;
        LIST_INSERT_HEAD(&watch->streams, stream, entry);
        streams->n_streams++;
        if (watch->watching)
                stream_start(stream);
        return 0;
}

size_t link_streams_count(const LinkStreams *streams)
{
        return streams->n_streams;
}

void link_streams_flush(LinkStreams *streams)
{
        LinkWatch *watch;

        LIST_FOREACH(watch, &streams->watches, entry)
                watch_flush(watch);
}

void link_streams_tick(LinkStreams *streams)
{
        LinkWatch *watch;
        LinkStream *stream;

        LIST_FOREACH(watch, &streams->watches, entry)
                LIST_FOREACH(stream, &watch->streams, entry)
                        link_stream_tick(stream);
}

static void stream_stop(LinkStream *stream)
{
        if (stream->started)
                link_stream_end(stream);
        else
                http_request_reply(stream->request, http_reply_error(HTTP_ERROR_UNAVAILABLE, NULL));
}

void link_streams_stop(LinkStreams *streams)
{
        LinkWatch *watch;
        LinkStream *stream;

        LIST_FOREACH(watch, &streams->watches, entry)
                LIST_FOREACH(stream, &watch->streams, entry)
                        stream_stop(stream);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "client/libpasslock/passlock.h"
#include "gate/http-request.h"

/*
 * Server-sent events of Links.Changed. Streams of the same tenancy share a LinkWatch, which has a
 * monitor of libpasslock while there are streams.
 *
 * A stream begins when the monitor watches, so that a refusal is an ordinary error reply. Changes
 * that are delivered together share an event.
 */
typedef struct LinkStreams {
        passlock *client;
        LIST_HEAD(, LinkWatch) watches;
        size_t n_streams;
} LinkStreams;

void link_streams_init(LinkStreams *streams, passlock *client);

/*
 * Opens a stream of the client's tenancy, whose label is `label`. Returns 0, an Error or a negative
 * errno.
 */
int link_streams_open(LinkStreams *streams, const char *label, HttpRequest *request);

size_t link_streams_count(const LinkStreams *streams);

/* Sends the changes that passlock_dispatch() has delivered. */
void link_streams_flush(LinkStreams *streams);

/* Keeps idle streams alive. Called once a second. */
void link_streams_tick(LinkStreams *streams);

/* Ends all streams. */
void link_streams_stop(LinkStreams *streams);

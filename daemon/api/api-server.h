/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/rate-limit.h"
#include "daemon/http/http.h"

/*
 * The peer that calls go to: its connections, and what its replies told of it. Shared by the Api
 * and its calls in flight, so that those outlive a change of configuration.
 */
typedef struct ApiPeer {
        unsigned n_ref;
        char *endpoint;
        char *ca_file; /* NULL: the system's trust anchors */
        HttpClient *http;
        int trust_error;    /* why it was not trusted last time, -EKEYREJECTED or -ENOENT; or 0 */
        RateLimit refusals; /* that are logged */
        uint64_t date_ms;   /* the latest Date of its replies; 0: none yet */
        uint64_t date_seen_ms; /* when that came, by boottime_ms() */
} ApiPeer;

/* Returns 0 or what http_client_new() does. */
int api_peer_new(sd_event *event, const char *endpoint, const char *ca_file, ApiPeer **ret);
ApiPeer *api_peer_ref(ApiPeer *peer);
/* Drops a reference and returns NULL; the last one closes the connections. NULL is fine. */
ApiPeer *api_peer_unref(ApiPeer *peer);
DEFINE_CLEANUP(ApiPeer *, api_peer_unref);

/* Records how an attempt ended, in the errnos of HttpFunc: the peer's date, and whether its
 * certificate was trusted. Logs when trust is lost, and when it is back. */
void api_peer_note(ApiPeer *peer, int r, const HttpReply *reply);

/* Logs that a call was refused: with what status and, unless it is "", what tag. The tag is of any
 * kind and not trusted. */
void api_peer_log_refusal(ApiPeer *peer, const char *call, unsigned status, const char *tag);

/* The time by the peer's clock, in milliseconds since the epoch: the date of its latest complete
 * reply, and the time passed since then. Exact to a second and the time that the reply took. 0
 * before there is such a reply. */
uint64_t api_peer_clock_ms(const ApiPeer *peer);

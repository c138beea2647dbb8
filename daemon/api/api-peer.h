/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/api/http.h"

/*
 * Whom calls go to, and the connections there. Shared by the Api and its calls in flight, so that
 * those outlive a change of configuration.
 */
typedef struct ApiPeer {
        unsigned n_ref;
        char *endpoint;
        char *ca_file; /* NULL: the system's trust anchors */
        HttpClient *http;
        bool untrusted; /* its certificate was refused last time */
} ApiPeer;

/* Returns 0 or what http_client_new() does. */
int api_peer_new(sd_event *event, const char *endpoint, const char *ca_file, ApiPeer **ret);
ApiPeer *api_peer_ref(ApiPeer *peer);
/* Drops a reference and returns NULL; the last one closes the connections. NULL is fine. */
ApiPeer *api_peer_unref(ApiPeer *peer);
DEFINE_CLEANUP(ApiPeer *, api_peer_unref);

/* Takes note of how a call ended, in the errnos of HttpFunc, and logs when its certificate begins
 * to be refused and when that is over. */
void api_peer_note_trust(ApiPeer *peer, int r);

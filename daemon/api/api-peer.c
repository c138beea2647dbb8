/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/log.h"
#include "daemon/api/api-peer.h"

ApiPeer *api_peer_unref(ApiPeer *peer)
{
        if (!peer || --peer->n_ref > 0)
                return NULL;
        http_client_free(peer->http);
        free(peer->endpoint);
        free(peer->ca_file);
        free(peer);
        return NULL;
}

ApiPeer *api_peer_ref(ApiPeer *peer)
{
        peer->n_ref++;
        return peer;
}

int api_peer_new(sd_event *event, const char *endpoint, const char *ca_file, ApiPeer **ret)
{
        _cleanup_(api_peer_unrefp) ApiPeer *peer = calloc(1, sizeof(ApiPeer));
        int r;

        if (!peer)
                return -ENOMEM;
        peer->n_ref = 1;
        peer->endpoint = strdup(endpoint);
        peer->ca_file = ca_file ? strdup(ca_file) : NULL;
        if (!peer->endpoint || (ca_file && !peer->ca_file))
                return -ENOMEM;
        r = http_client_new(event, ca_file, &peer->http);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(peer);
        return 0;
}

void api_peer_note_trust(ApiPeer *peer, int r)
{
        if (r == -EKEYREJECTED && !peer->untrusted) {
                peer->untrusted = true;
                log_warning("%s cannot prove who it is: its TLS certificate is refused",
                            peer->endpoint);
        } else if (r == 0 && peer->untrusted) {
                peer->untrusted = false;
                log_notice("%s proves who it is again", peer->endpoint);
        }
}

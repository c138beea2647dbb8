/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/api/api-server.h"

/* Refused calls are logged, but no more than this in one interval. */
#define REFUSALS_MAX         20U
#define REFUSALS_INTERVAL_MS 10000U

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

static void note_trust(ApiPeer *peer, int r)
{
        const char *file = http_trust_file(peer->ca_file);

        if (r != 0 && r != -EKEYREJECTED && r != -ENOENT)
                return;
        if (peer->trust_error == r)
                return;
        peer->trust_error = r;
        if (r == 0)
                log_notice("%s proves who it is again", peer->endpoint);
        else if (r == -EKEYREJECTED)
                log_warning("%s cannot prove who it is: its TLS certificate is refused",
                            peer->endpoint);
        else
                log_warning(
                        "Failed to read the CA file %s for %s: %s; calls fail until it is right",
                        file ?: "of libcurl", peer->endpoint,
                        file && access(file, R_OK) < 0 ? strerror(errno) : "it has no certificate");
}

void api_peer_note(ApiPeer *peer, int r, const HttpReply *reply)
{
        note_trust(peer, r);
        if (r == 0 && reply->date_ms > 0) {
                peer->date_ms = reply->date_ms;
                peer->date_seen_ms = boottime_ms();
        }
}

uint64_t api_peer_clock_ms(const ApiPeer *peer)
{
        return peer->date_ms > 0 ? peer->date_ms + (boottime_ms() - peer->date_seen_ms) : 0;
}

/* The API's tags are names. Any other text in their place does not get into the log. */
static bool tag_is_name(const char *tag)
{
        return tag[strspn(tag, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz@/._")] == '\0';
}

void api_peer_log_refusal(ApiPeer *peer, const char *call, unsigned status, const char *tag)
{
        unsigned n_refused;
        bool pass = rate_limit_pass(&peer->refusals, monotonic_ms(), REFUSALS_MAX,
                                    REFUSALS_INTERVAL_MS, &n_refused);

        log_debug("%s: the tag is %s", call, tag);
        if (n_refused > 0)
                log_info("%s refused %u more calls", peer->endpoint, n_refused);
        if (!pass)
                return;
        log_info("%s refused %s: HTTP status %u, %s", peer->endpoint, call, status,
                 isempty(tag)       ? "without a tag"
                 : tag_is_name(tag) ? tag
                                    : "with an odd tag");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/api/api-server.h"

/* Refused calls are logged, but no more than this in one interval. */
#define REFUSALS_MAX         20U
#define REFUSALS_INTERVAL_MS 10000U

/* A clock that differs by more has been set, */
#define CLOCK_JITTER_MS 60000U
/* and what was before does not count any more after a code's life. */
#define CLOCK_SET_MS (10U * 60U * 1000U)

ApiServer *api_server_unref(ApiServer *peer)
{
        if (!peer || --peer->n_ref > 0)
                return NULL;
        http_client_free(peer->http);
        free(peer->endpoint);
        free(peer->ca_file);
        free(peer);
        return NULL;
}

ApiServer *api_server_ref(ApiServer *peer)
{
        peer->n_ref++;
        return peer;
}

int api_server_new(sd_event *event, const char *endpoint, const char *ca_file, ApiServer **ret)
{
        _cleanup_(api_server_unrefp) ApiServer *peer = calloc(1, sizeof(ApiServer));
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

/* Why the file of the trust anchors is of no use. */
static const char *flaw_of_file(const char *file)
{
        struct stat st;

        if (!file)
                return "libcurl has none";
        if (stat(file, &st) < 0)
                return strerror(errno);
        if (!S_ISREG(st.st_mode))
                return "it is not a regular file";
        return access(file, R_OK) < 0 ? strerror(errno) : "it has no certificate";
}

static void note_trust(ApiServer *peer, int r)
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
                        file ?: "of libcurl", peer->endpoint, flaw_of_file(file));
}

static uint64_t more(uint64_t a, uint64_t b)
{
        return a > b ? a - b : 0;
}

static bool was_set_lately(const ApiServer *peer)
{
        return peer->set_at_ms > 0 && boottime_ms() - peer->set_at_ms < CLOCK_SET_MS;
}

/* Notes that the clock is not what it was, but by the seconds that replies take. */
static void note_date(ApiServer *peer, uint64_t date_ms)
{
        uint64_t clock_ms = api_server_clock_ms(peer);
        uint64_t back_ms = more(clock_ms, date_ms), forth_ms = more(date_ms, clock_ms);

        if (clock_ms > 0 && back_ms + forth_ms > CLOCK_JITTER_MS) {
                if (!was_set_lately(peer))
                        peer->ahead_ms = peer->behind_ms = 0;
                peer->ahead_ms = more(peer->ahead_ms + back_ms, forth_ms);
                peer->behind_ms = more(peer->behind_ms + forth_ms, back_ms);
                peer->set_at_ms = boottime_ms();
        }
        peer->date_ms = date_ms;
        peer->date_seen_ms = boottime_ms();
}

void api_server_record_reply(ApiServer *peer, int r, const HttpReply *reply)
{
        note_trust(peer, r);
        if (r == 0 && reply->date_ms > 0)
                note_date(peer, reply->date_ms);
}

uint64_t api_server_clock_ms(const ApiServer *peer)
{
        return peer->date_ms > 0 ? peer->date_ms + (boottime_ms() - peer->date_seen_ms) : 0;
}

void api_peer_clock_range_ms(const ApiServer *peer, uint64_t *ret_min_ms, uint64_t *ret_max_ms)
{
        bool set = was_set_lately(peer);

        *ret_min_ms = more(api_server_clock_ms(peer), set ? peer->behind_ms : 0);
        *ret_max_ms = api_server_clock_ms(peer) + (set ? peer->ahead_ms : 0);
}

/* The API's tags are names. Any other text in their place does not get into the log. */
static bool tag_is_name(const char *tag)
{
        return tag[strspn(tag, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz@/._")] == '\0';
}

void api_server_log_refusal(ApiServer *peer, const char *call, unsigned status, const char *tag)
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/api/api-server.h"

/* Until the first reply: like HTTP/1.1 or HTTP/2. */
#define SLOTS_WITHOUT_TLS 64U
#define SLOTS_WITH_TLS    1024U

/* Rate limit for logging refused calls. */
#define REFUSALS_MAX         20U
#define REFUSALS_INTERVAL_MS 10000U

/* A larger difference to the expected Date means that the server's clock was set. */
#define CLOCK_JITTER_MS 60000U
/* How long the previous setting is remembered: longer than the lifetime of a code. */
#define CLOCK_SET_MS (10U * 60U * 1000U)

ApiServer *api_server_unref(ApiServer *server)
{
        if (!server)
                return NULL;
        assert(server->n_ref > 0);
        if (--server->n_ref > 0)
                return NULL;
        free(server->endpoint);
        free(server->ca_file);
        free(server);
        return NULL;
}

ApiServer *api_server_ref(ApiServer *server)
{
        server->n_ref++;
        return server;
}

int api_server_new(const char *endpoint, const char *ca_file, ApiServer **ret)
{
        _cleanup_(api_server_unrefp) ApiServer *server = calloc(1, sizeof(ApiServer));

        if (!server)
                return -ENOMEM;
        server->n_ref = 1;
        server->endpoint = strdup(endpoint);
        server->ca_file = ca_file ? strdup(ca_file) : NULL;
        if (!server->endpoint || (ca_file && !server->ca_file))
                return -ENOMEM;
        server->slots = strncmp(endpoint, "http://", 7) == 0 ? SLOTS_WITHOUT_TLS : SLOTS_WITH_TLS;
        *ret = TAKE_PTR(server);
        return 0;
}

static uint64_t more(uint64_t a, uint64_t b)
{
        return a > b ? a - b : 0;
}

static bool was_set_lately(const ApiServer *server)
{
        return server->set_at_ms > 0 && boottime_ms() - server->set_at_ms < CLOCK_SET_MS;
}

/* Records a clock change that is larger than the latency of a reply. */
static void note_date(ApiServer *server, uint64_t date_ms)
{
        uint64_t clock_ms = api_server_clock_ms(server);
        uint64_t back_ms = more(clock_ms, date_ms), forth_ms = more(date_ms, clock_ms);

        if (clock_ms > 0 && back_ms + forth_ms > CLOCK_JITTER_MS) {
                if (!was_set_lately(server))
                        server->ahead_ms = server->behind_ms = 0;
                server->ahead_ms = more(server->ahead_ms + back_ms, forth_ms);
                server->behind_ms = more(server->behind_ms + forth_ms, back_ms);
                server->set_at_ms = boottime_ms();
        }
        server->date_ms = date_ms;
        server->date_seen_ms = boottime_ms();
}

void api_server_record_reply(ApiServer *server, int r, const ApiReply *reply)
{
        if (reply->slots > 0)
                server->slots = reply->slots;
        if (r == 0 && reply->date_ms > 0)
                note_date(server, reply->date_ms);
}

uint64_t api_server_clock_ms(const ApiServer *server)
{
        return server->date_ms > 0 ? server->date_ms + (boottime_ms() - server->date_seen_ms) : 0;
}

void api_server_clock_range_ms(const ApiServer *server, uint64_t *ret_min_ms, uint64_t *ret_max_ms)
{
        bool set = was_set_lately(server);

        *ret_min_ms = more(api_server_clock_ms(server), set ? server->behind_ms : 0);
        *ret_max_ms = api_server_clock_ms(server) + (set ? server->ahead_ms : 0);
}

/* Only tags that look like names are logged; other text is untrusted. */
static bool tag_is_name(const char *tag)
{
        return tag[strspn(tag, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz@/._")] == '\0';
}

void api_server_log_refusal(ApiServer *server, const char *call, unsigned status, const char *tag)
{
        unsigned n_refused;
        bool pass = rate_limit_pass(&server->refusals, monotonic_ms(), REFUSALS_MAX,
                                    REFUSALS_INTERVAL_MS, &n_refused);

        log_debug("%s: the tag is %s", call, tag);
        if (n_refused > 0)
                log_info("%s refused %u more calls (not logged: rate limit)", server->endpoint,
                         n_refused);
        if (!pass)
                return;
        log_info("%s refused %s: HTTP status %u, %s", server->endpoint, call, status,
                 isempty(tag)       ? "without a tag"
                 : tag_is_name(tag) ? tag
                                    : "with an invalid tag");
}

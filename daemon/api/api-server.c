/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/api/api-server.h"

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
        http_client_free(server->http);
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

int api_server_new(sd_event *event, const char *endpoint, const char *ca_file, ApiServer **ret)
{
        _cleanup_(api_server_unrefp) ApiServer *server = calloc(1, sizeof(ApiServer));
        int r;

        if (!server)
                return -ENOMEM;
        server->n_ref = 1;
        server->endpoint = strdup(endpoint);
        server->ca_file = ca_file ? strdup(ca_file) : NULL;
        if (!server->endpoint || (ca_file && !server->ca_file))
                return -ENOMEM;
        r = http_client_new(event, ca_file, &server->http);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(server);
        return 0;
}

/* Why the CA file is unusable. */
static const char *flaw_of_file(const char *file)
{
        struct stat st;

        if (!file)
                return "libcurl has no default CA file";
        if (stat(file, &st) < 0)
                return strerror(errno);
        if (!S_ISREG(st.st_mode))
                return "not a regular file";
        return access(file, R_OK) < 0 ? strerror(errno) : "no certificate found";
}

static void update_trust(ApiServer *server, int r)
{
        const char *file = http_trust_file(server->ca_file);

        if (r != 0 && r != -EKEYREJECTED && r != -ENOENT)
                return;
        if (server->trust_error == r)
                return;
        server->trust_error = r;
        if (r == 0)
                log_notice("The TLS certificate of %s is valid again", server->endpoint);
        else if (r == -EKEYREJECTED)
                log_warning(
                        "Failed to verify the TLS certificate of %s; calls fail until it is valid",
                        server->endpoint);
        else
                log_warning(
                        "Failed to read the CA file %s for %s: %s; calls fail until it can be read",
                        file ?: "of libcurl", server->endpoint, flaw_of_file(file));
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

void api_server_record_reply(ApiServer *server, int r, const HttpReply *reply)
{
        update_trust(server, r);
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

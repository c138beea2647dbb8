/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Probes: one endpoint at a time each, while the client has none, and as a heartbeat of the one
 * that it has. */

#include "base/clock.h"
#include "base/jitter.h"
#include "base/log.h"
#include "daemon/etcd/etcd-client-internal.h"

/* Pauses between failed probes of an endpoint, with jitter: half to one and a half of it. The sum
 * of the longest pause and of a quick probe is below a second. */
#define PAUSE_FIRST_MS 100U
#define PAUSE_MAX_MS   300U
/* Every fourth probe of an endpoint in a row is not quick, for a slow network. */
#define PATIENT_EVERY 4U

/* The transport has its own deadline; the timer is for a transport that hangs. */
#define TRANSPORT_GRACE_MS 100U

#define PROBE_REPLY_LEN_MAX 65536U

static void fail(EtcdProbe *probe, int reason)
{
        uint64_t pause_ms = PAUSE_FIRST_MS << (probe->n_failed < 2 ? probe->n_failed : 2);

        probe->n_failed++;
        probe->failed = true;
        etcd_probe_start_after(probe, jitter_ms(pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS));
        etcd_client_probe_failed(probe->client, probe, reason);
}

static void on_range(EtcdProbe *probe, const EtcdReply *reply)
{
        EtcdClient *client = probe->client;

        /* Stops the client if it is the reply of another cluster. */
        if (etcd_client_check_header(client, &reply->header, probe->revision_at_send) == 0)
                etcd_client_probe_succeeded(client, probe);
}

static void on_reply(int r, unsigned status, const char *body, size_t body_len, void *userdata)
{
        EtcdProbe *probe = userdata;
        EtcdFailure failure;
        EtcdReply reply;

        probe->exchange = NULL;
        etcd_timer_stop(probe->timer);
        if (etcd_failure_of_reply(r, status, body, body_len, &failure)) {
                /* A definite answer of etcd, such as missing permissions: the endpoint works. */
                if (failure.transient || failure.error < 0)
                        fail(probe, failure.error);
                else
                        etcd_client_probe_succeeded(probe->client, probe);
                return;
        }
        r = etcd_reply_decode(ETCD_REPLY_RANGE, body, body_len, &reply);
        if (r != 0) {
                fail(probe, r);
                return;
        }
        on_range(probe, &reply);
        etcd_reply_clear(&reply);
}

/* A member without a quorum keeps the request until the quorum is back, or longer. So most probes
 * are quick while the cluster is away. In the first round after a failure, they are a little
 * shorter than requests: failure and round together take less than two deadlines. */
static uint64_t timeout_ms(const EtcdProbe *probe)
{
        const EtcdClient *client = probe->client;
        uint64_t try_ms = client->try_ms;

        if (probe->n_failed % PATIENT_EVERY == PATIENT_EVERY - 1)
                return try_ms;
        if (client->state == ETCD_CLIENT_AWAY)
                return (try_ms + 1) / 2;
        return client->state == ETCD_CLIENT_SERVING && !client->has_endpoint ? try_ms - try_ms / 4
                                                                             : try_ms;
}

static void start(EtcdProbe *probe)
{
        EtcdClient *client = probe->client;
        const EtcdRequest request = {
                .path = ETCD_KV_RANGE,
                .endpoint = probe->endpoint,
                .body = client->probe_body,
                .body_len = strlen(client->probe_body),
                .timeout_ms = timeout_ms(probe),
                .reply_len_max = PROBE_REPLY_LEN_MAX,
                .require_leader = true,
        };
        EtcdFailure failure;
        int r;

        probe->sent_at_ms = monotonic_ms();
        probe->revision_at_send = client->revision;
        r = client->transport->start(client->transport->userdata, &request, NULL, on_reply, probe,
                                     &probe->exchange);
        if (r < 0) {
                (void) etcd_failure_of_reply(r, 0, NULL, 0, &failure);
                fail(probe, failure.error);
                return;
        }
        etcd_timer_set(probe->timer, probe->sent_at_ms + request.timeout_ms + TRANSPORT_GRACE_MS);
}

static int on_timer(sd_event_source *timer _unused_, uint64_t usec _unused_, void *userdata)
{
        EtcdProbe *probe = userdata;

        if (probe->exchange) {
                probe->client->transport->cancel(TAKE_PTR(probe->exchange));
                fail(probe, ETCD_ERROR_UNAVAILABLE);
        } else if (probe->endpoint < etcd_client_n_endpoints(probe->client)) {
                start(probe);
        } else {
                /* The transport restarts. */
                fail(probe, ETCD_ERROR_UNAVAILABLE);
        }
        return 0;
}

int etcd_probe_init(EtcdProbe *probe, EtcdClient *client, unsigned endpoint)
{
        *probe = (EtcdProbe){.client = client, .endpoint = endpoint};
        return etcd_timer_new(client->event, on_timer, probe, &probe->timer);
}

void etcd_probe_clear(EtcdProbe *probe)
{
        if (!probe->timer)
                return;
        etcd_probe_stop(probe);
        probe->timer = sd_event_source_disable_unref(probe->timer);
}

void etcd_probe_start_after(EtcdProbe *probe, uint64_t delay_ms)
{
        if (!probe->exchange)
                etcd_timer_set(probe->timer, monotonic_ms() + delay_ms);
}

void etcd_probe_stop(EtcdProbe *probe)
{
        if (probe->exchange)
                probe->client->transport->cancel(TAKE_PTR(probe->exchange));
        etcd_timer_stop(probe->timer);
}

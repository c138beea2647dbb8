/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <limits.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "base/log.h"
#include "daemon/etcd/etcd-client-internal.h"

#define TRY_MS 1000U

/* How soon to look again for endpoints while the transport has none. */
#define NO_ENDPOINTS_PAUSE_MS 250U
/* How soon to probe the endpoint that has just failed. */
#define FAILED_PAUSE_MS 50U

unsigned etcd_client_n_endpoints(const EtcdClient *client)
{
        unsigned n = client->transport->n_endpoints(client->transport->userdata);

        return n < ETCD_ENDPOINTS_MAX ? n : ETCD_ENDPOINTS_MAX;
}

bool etcd_client_is_stopped(const EtcdClient *client, int *ret_error)
{
        if (client->state == ETCD_CLIENT_OTHER_CLUSTER)
                *ret_error = ETCD_ERROR_OTHER_CLUSTER;
        else if (client->state == ETCD_CLIENT_REVISION_WENT_BACK)
                *ret_error = ETCD_ERROR_REVISION_WENT_BACK;
        else
                return false;
        return true;
}

static bool is_stopped(const EtcdClient *client)
{
        int error;

        return etcd_client_is_stopped(client, &error);
}

/* Listeners and owner are told from the event loop, so that they may call any function. */
static void tell_later(EtcdClient *client)
{
        (void) sd_event_source_set_enabled(client->news, SD_EVENT_ONESHOT);
}

static void set_state(EtcdClient *client, EtcdClientState state)
{
        client->state = state;
        tell_later(client);
}

static int on_news(sd_event_source *source _unused_, void *userdata)
{
        EtcdClient *client = userdata;

        for (EtcdListener *l = client->listeners; l; l = client->next_listener) {
                client->next_listener = l->next;
                l->func(l);
        }
        client->next_listener = NULL;
        if (client->told_state != client->state) {
                client->told_state = client->state;
                if (client->func)
                        client->func(client, client->userdata);
        }
        return 0;
}

void etcd_client_add_listener(EtcdClient *client, EtcdListener *listener)
{
        listener->next = client->listeners;
        client->listeners = listener;
}

void etcd_client_remove_listener(EtcdClient *client, EtcdListener *listener)
{
        EtcdListener **at = &client->listeners;

        if (client->next_listener == listener)
                client->next_listener = listener->next;
        while (*at && *at != listener)
                at = &(*at)->next;
        if (*at)
                *at = listener->next;
}

static void stop_probes(EtcdClient *client)
{
        for (unsigned i = 0; i < ETCD_ENDPOINTS_MAX; i++)
                etcd_probe_stop(client->probes + i);
        etcd_timer_stop(client->heartbeat);
}

/* Probes all endpoints at once, but `failed` a little later; UINT_MAX for none. */
static void choose(EtcdClient *client, unsigned failed)
{
        unsigned n = etcd_client_n_endpoints(client);

        stop_probes(client);
        client->has_endpoint = false;
        client->doubted_at_ms = monotonic_ms();
        for (unsigned i = 0; i < n; i++) {
                EtcdProbe *probe = client->probes + i;

                probe->n_failed = 0;
                /* The failure counts. But an only endpoint gets a second chance. */
                probe->failed = i == failed && n > 1;
                etcd_probe_start_after(probe, i == failed ? FAILED_PAUSE_MS : 0);
        }
        /* The heartbeat looks for endpoints meanwhile. */
        if (n == 0)
                etcd_timer_set(client->heartbeat,
                               monotonic_ms() + jitter_ms(NO_ENDPOINTS_PAUSE_MS));
        tell_later(client);
}

static void go_away(EtcdClient *client, int reason)
{
        client->reason = reason;
        if (client->state == ETCD_CLIENT_AWAY)
                return;
        set_state(client, ETCD_CLIENT_AWAY);
        log_debug("No endpoint of etcd is available: %s", etcd_error_text(reason));
}

void etcd_client_doubt(EtcdClient *client, unsigned endpoint, int reason)
{
        if (is_stopped(client) || !client->has_endpoint || client->endpoint != endpoint)
                return;
        log_debug("Endpoint %u of etcd failed: %s", endpoint, etcd_error_text(reason));
        client->reason = reason;
        choose(client, endpoint);
}

void etcd_client_probe_failed(EtcdClient *client, EtcdProbe *probe, int reason)
{
        unsigned n = etcd_client_n_endpoints(client);

        if (client->has_endpoint) {
                etcd_client_doubt(client, probe->endpoint, reason);
                return;
        }
        for (unsigned i = 0; i < n; i++)
                if (!client->probes[i].failed)
                        return;
        go_away(client, reason);
}

static void set_heartbeat(EtcdClient *client)
{
        if (client->heartbeat_ms > 0)
                etcd_timer_set(client->heartbeat, client->heard_at_ms + client->heartbeat_ms);
}

static void use_endpoint(EtcdClient *client, unsigned endpoint)
{
        stop_probes(client);
        client->has_endpoint = true;
        client->endpoint = endpoint;
        client->reason = 0;
        log_debug("Endpoint %u of etcd is in use", endpoint);
        set_state(client, ETCD_CLIENT_SERVING);
        set_heartbeat(client);
        etcd_calls_wake(client);
}

void etcd_client_hear(EtcdClient *client, unsigned endpoint, uint64_t sent_at_ms)
{
        if (is_stopped(client))
                return;
        if (sent_at_ms > client->heard_at_ms)
                client->heard_at_ms = sent_at_ms;
        if (!client->has_endpoint)
                use_endpoint(client, endpoint);
}

void etcd_client_probe_succeeded(EtcdClient *client, EtcdProbe *probe)
{
        probe->n_failed = 0;
        etcd_client_hear(client, probe->endpoint, probe->sent_at_ms);
        if (client->has_endpoint && client->endpoint == probe->endpoint)
                set_heartbeat(client);
}

static int on_heartbeat(sd_event_source *timer _unused_, uint64_t usec _unused_, void *userdata)
{
        EtcdClient *client = userdata;

        if (!client->has_endpoint) {
                if (monotonic_ms() >= client->doubted_at_ms + client->try_ms)
                        go_away(client, ETCD_ERROR_UNAVAILABLE);
                etcd_client_endpoints_changed(client);
        } else if (monotonic_ms() >= client->heard_at_ms + client->heartbeat_ms) {
                etcd_probe_start_after(client->probes + client->endpoint, 0);
        } else {
                set_heartbeat(client);
        }
        return 0;
}

static void stop_serving(EtcdClient *client, EtcdClientState state)
{
        if (is_stopped(client))
                return;
        stop_probes(client);
        client->has_endpoint = false;
        set_state(client, state);
        etcd_calls_wake(client);
}

int etcd_client_check_header(EtcdClient *client, const EtcdHeader *header, int64_t revision_at_send)
{
        if (client->cluster_id == 0 && !is_stopped(client))
                client->cluster_id = header->cluster_id;
        if (header->cluster_id != client->cluster_id) {
                stop_serving(client, ETCD_CLIENT_OTHER_CLUSTER);
                return ETCD_ERROR_OTHER_CLUSTER;
        }
        if (header->revision < revision_at_send) {
                stop_serving(client, ETCD_CLIENT_REVISION_WENT_BACK);
                return ETCD_ERROR_REVISION_WENT_BACK;
        }
        if (header->revision > client->revision)
                client->revision = header->revision;
        return 0;
}

void etcd_client_expect_cluster(EtcdClient *client, uint64_t cluster_id)
{
        client->cluster_id = cluster_id;
}

void etcd_client_accept_cluster(EtcdClient *client)
{
        if (!is_stopped(client))
                return;
        if (client->state == ETCD_CLIENT_OTHER_CLUSTER)
                client->cluster_id = 0;
        client->revision = 0;
        set_state(client, ETCD_CLIENT_STARTING);
        choose(client, UINT_MAX);
}

void etcd_client_endpoints_changed(EtcdClient *client)
{
        uint64_t doubted_at_ms = client->doubted_at_ms;
        bool had_endpoint = client->has_endpoint;

        if (is_stopped(client))
                return;
        choose(client, UINT_MAX);
        if (!had_endpoint)
                client->doubted_at_ms = doubted_at_ms;
}

EtcdClientState etcd_client_state(const EtcdClient *client)
{
        return client->state;
}

uint64_t etcd_client_away_since_ms(const EtcdClient *client)
{
        return client->state == ETCD_CLIENT_AWAY ? client->doubted_at_ms : 0;
}

int etcd_client_away_reason(const EtcdClient *client)
{
        return client->state == ETCD_CLIENT_AWAY ? client->reason : 0;
}

uint64_t etcd_client_heard_at_ms(const EtcdClient *client)
{
        return client->heard_at_ms;
}

bool etcd_client_endpoint(const EtcdClient *client, unsigned *ret)
{
        if (client->has_endpoint)
                *ret = client->endpoint;
        return client->has_endpoint;
}

uint64_t etcd_client_cluster_id(const EtcdClient *client)
{
        return client->cluster_id;
}

int64_t etcd_client_revision(const EtcdClient *client)
{
        return client->revision;
}

static int init_sources(EtcdClient *client)
{
        int r;

        r = etcd_timer_new(client->event, on_heartbeat, client, &client->heartbeat);
        if (r < 0)
                return r;
        r = log_errno_origin(sd_event_add_defer(client->event, &client->news, on_news, client));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(client->news, SD_EVENT_OFF));
        for (unsigned i = 0; i < ETCD_ENDPOINTS_MAX && r >= 0; i++)
                r = etcd_probe_init(client->probes + i, client, i);
        return r;
}

int etcd_client_new(sd_event *event, const EtcdTransport *transport,
                    const EtcdClientOptions *options, EtcdClientFunc func, void *userdata,
                    EtcdClient **ret)
{
        const EtcdRange range = {.key = options->probe_key, .limit = 1, .keys_only = true};
        _cleanup_(etcd_client_freep) EtcdClient *client = calloc(1, sizeof(EtcdClient));
        int r;

        if (!client)
                return -ENOMEM;
        client->event = sd_event_ref(event);
        client->transport = transport;
        client->func = func;
        client->userdata = userdata;
        client->try_ms = options->try_ms ?: TRY_MS;
        client->heartbeat_ms = options->heartbeat_ms;
        client->cluster_id = options->cluster_id;
        r = etcd_request_range(&range, &client->probe_body);
        if (r == 0)
                r = init_sources(client);
        if (r < 0)
                return r;
        choose(client, UINT_MAX);
        *ret = TAKE_PTR(client);
        return 0;
}

EtcdClient *etcd_client_free(EtcdClient *client)
{
        if (!client)
                return NULL;
        etcd_calls_cancel_all(client);
        for (unsigned i = 0; i < ETCD_ENDPOINTS_MAX; i++)
                etcd_probe_clear(client->probes + i);
        sd_event_source_disable_unref(client->heartbeat);
        sd_event_source_disable_unref(client->news);
        sd_event_unref(client->event);
        free(client->probe_body);
        free(client);
        return NULL;
}

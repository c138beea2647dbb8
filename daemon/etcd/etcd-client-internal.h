/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Only for the files of this folder. */

#include "daemon/etcd/etcd-call.h"
#include "daemon/etcd/etcd-timer.h"

typedef struct EtcdProbe {
        EtcdClient *client;
        unsigned endpoint;
        sd_event_source *timer;   /* enabled: the next probe, or the end of the one in flight */
        EtcdExchange *exchange;   /* in flight, or NULL */
        unsigned n_failed;        /* in a row, since the choice began */
        bool failed;              /* since the choice began */
        uint64_t sent_at_ms;      /* CLOCK_MONOTONIC */
        int64_t revision_at_send; /* the client's revision */
} EtcdProbe;

/* Called after each change of the endpoint or the state. May start and cancel calls. */
typedef struct EtcdListener {
        void (*func)(struct EtcdListener *listener);
        struct EtcdListener *next;
} EtcdListener;

struct EtcdClient {
        sd_event *event;
        const EtcdTransport *transport;
        EtcdClientFunc func;
        void *userdata;
        uint64_t try_ms;
        uint64_t heartbeat_ms;
        char *probe_body;
        EtcdClientState state;
        bool has_endpoint;
        unsigned endpoint;
        uint64_t doubted_at_ms; /* when the choice began */
        int reason;             /* of the last failure */
        uint64_t heard_at_ms;
        uint64_t cluster_id;
        int64_t revision;
        EtcdProbe probes[ETCD_ENDPOINTS_MAX];
        sd_event_source *heartbeat;
        sd_event_source *news; /* tells the listeners and `func`, later */
        EtcdClientState told_state;
        EtcdListener *listeners, *next_listener; /* the latter while they are told */
        EtcdCall *calls;
};

/* Whether the client waits for etcd_client_accept_cluster(). Calls end with *ret_error. */
bool etcd_client_is_stopped(const EtcdClient *client, int *ret_error);
unsigned etcd_client_n_endpoints(const EtcdClient *client);
/* A request failed at an endpoint: if it is in use, chooses the next one. */
void etcd_client_doubt(EtcdClient *client, unsigned endpoint, int reason);
/* Checks cluster and revision, and stops the client if they are wrong. `revision_at_send` is the
 * client's revision when a linearizable request was sent, 0 for other requests. Returns 0,
 * ETCD_ERROR_OTHER_CLUSTER or ETCD_ERROR_REVISION_WENT_BACK. */
int etcd_client_check_header(EtcdClient *client, const EtcdHeader *header,
                             int64_t revision_at_send);
/* A linearizable request got a reply, and its header is right. */
void etcd_client_hear(EtcdClient *client, unsigned endpoint, uint64_t sent_at_ms);

void etcd_client_add_listener(EtcdClient *client, EtcdListener *listener);
void etcd_client_remove_listener(EtcdClient *client, EtcdListener *listener);

/* The probes of daemon/etcd/etcd-probe.c. */
int etcd_probe_init(EtcdProbe *probe, EtcdClient *client, unsigned endpoint);
void etcd_probe_clear(EtcdProbe *probe);
void etcd_probe_start_after(EtcdProbe *probe, uint64_t delay_ms);
void etcd_probe_stop(EtcdProbe *probe);
/* Results of probes. */
void etcd_client_probe_failed(EtcdClient *client, EtcdProbe *probe, int reason);
void etcd_client_probe_succeeded(EtcdClient *client, EtcdProbe *probe);

/* Has each call reconsider what to do, from the event loop. */
void etcd_calls_wake(EtcdClient *client);
void etcd_calls_cancel_all(EtcdClient *client);

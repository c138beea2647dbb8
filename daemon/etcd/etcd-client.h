/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/etcd/etcd-error.h"
#include "daemon/etcd/etcd-reply.h"
#include "daemon/etcd/etcd-transport.h"

/*
 * Chooses an endpoint for calls (daemon/etcd/etcd-call.h) and watches, and stays with it while it
 * works. When a request fails there, all endpoints are probed at once by a linearizable range,
 * which needs a quorum, and the first to answer is the next one. So calls only go to an endpoint
 * that has answered a probe as the cluster that is known. While all probes fail, they are repeated
 * with back-off and jitter, so that the recovery of the cluster is noticed within a second.
 */
typedef struct EtcdClient EtcdClient;

typedef enum EtcdClientState {
        ETCD_CLIENT_STARTING, /* no probe has succeeded yet, and not all have failed */
        ETCD_CLIENT_SERVING,  /* an endpoint works, or the next one is being chosen */
        ETCD_CLIENT_AWAY,     /* all endpoints have failed */
        /* Nothing is sent until etcd_client_accept_cluster(). Calls end with the EtcdError of the
         * same name. */
        ETCD_CLIENT_OTHER_CLUSTER,
        ETCD_CLIENT_REVISION_WENT_BACK,
} EtcdClientState;

/* The state has changed. From the event loop; must not free the client. */
typedef void (*EtcdClientFunc)(EtcdClient *client, void *userdata);

typedef struct EtcdClientOptions {
        uint64_t try_ms;       /* deadline of a request at one endpoint; 0: 1000 */
        uint64_t heartbeat_ms; /* probe the endpoint if there was no linearizable reply for so long,
                                  so that the state is known without calls; 0: never */
        EtcdBytes probe_key;   /* the probe reads this key, which need not exist; not empty */
        uint64_t cluster_id;   /* 0: that of the first reply */
} EtcdClientOptions;

/* More endpoints are ignored. */
#define ETCD_ENDPOINTS_MAX 16U

/* Copies the options, not the transport. Starts to probe. Returns 0 or a negative errno. */
int etcd_client_new(sd_event *event, const EtcdTransport *transport,
                    const EtcdClientOptions *options, EtcdClientFunc func, void *userdata,
                    EtcdClient **ret);
/* Cancels all calls. Watches, snapshots, leases and health checks must have been freed. NULL is
 * fine. Returns NULL. */
EtcdClient *etcd_client_free(EtcdClient *client);
DEFINE_CLEANUP(EtcdClient *, etcd_client_free);

EtcdClientState etcd_client_state(const EtcdClient *client);
/* When the endpoint failed, or the client was created, in CLOCK_MONOTONIC ms; 0 unless AWAY. */
uint64_t etcd_client_away_since_ms(const EtcdClient *client);
/* Why an endpoint failed last: an EtcdError or a negative errno. 0 unless AWAY. */
int etcd_client_away_reason(const EtcdClient *client);
/* When the last linearizable request was sent that got a reply: the cluster worked then. In
 * CLOCK_MONOTONIC ms; 0: never. */
uint64_t etcd_client_heard_at_ms(const EtcdClient *client);
/* The endpoint that is in use. Returns false if the next one is being chosen. */
bool etcd_client_endpoint(const EtcdClient *client, unsigned *ret);
/* 0 until the first reply. */
uint64_t etcd_client_cluster_id(const EtcdClient *client);
/* The highest revision that was seen. */
int64_t etcd_client_revision(const EtcdClient *client);

/* Before the first reply: the cluster must have this id. */
void etcd_client_expect_cluster(EtcdClient *client, uint64_t cluster_id);
/* Takes the revision of the next reply as it is, and its cluster, if that has changed. */
void etcd_client_accept_cluster(EtcdClient *client);
/* The transport has other endpoints, or has become ready: chooses anew, soon instead of after the
 * back-off. */
void etcd_client_endpoints_changed(EtcdClient *client);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/etcd/etcd-client.h"

/* A report on the cluster, for administrators. */

typedef struct EtcdEndpointHealth {
        int error; /* an EtcdError or a negative errno: the rest is empty; 0: it answers */
        uint64_t cluster_id;
        uint64_t member_id;
        bool is_leader;
        EtcdStatusReply status;
} EtcdEndpointHealth;

typedef struct EtcdHealth {
        const EtcdEndpointHealth *endpoints; /* in the order of the transport */
        unsigned n_endpoints;
        const EtcdMember *members; /* as an endpoint tells; may be none */
        size_t n_members;
        const EtcdAlarm *alarms; /* likewise */
        size_t n_alarms;
        uint64_t leader; /* a member id; 0: none, or members disagree */
        bool no_space;   /* the cluster is read-only by an alarm */
        bool corrupt;    /* an alarm */
} EtcdHealth;

/* The report is lent. Called once, from the event loop; the check is gone then. */
typedef void (*EtcdHealthFunc)(const EtcdHealth *health, void *userdata);

typedef struct EtcdHealthCheck EtcdHealthCheck;

/* Asks all endpoints at once, and takes as long as the slowest, up to twice the deadline of a
 * request. Returns 0 or a negative errno. */
int etcd_health_check_start(EtcdClient *client, EtcdHealthFunc func, void *userdata,
                            EtcdHealthCheck **ret);
/* The function will not be called. NULL is fine. Returns NULL. */
EtcdHealthCheck *etcd_health_check_cancel(EtcdHealthCheck *check);

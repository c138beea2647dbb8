/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/etcd-log/etcd-log.h"
#include "daemon/etcd/etcd-health.h"

/* Facts that are known without a request; see etcd_health_check_start() for the rest. Times are
 * in CLOCK_MONOTONIC ms, strings are lent. */
typedef struct EtcdLogStatus {
        const char *state;      /* starting, serving, away, other-cluster, revision-went-back */
        const char *reason;     /* why etcd is away; NULL: it is not */
        uint64_t away_since_ms; /* 0: it is not */
        uint64_t heard_at_ms;   /* all changes before this time have been delivered, or the start */
        uint64_t revision;      /* the latest that was seen */
        bool has_endpoint;
        unsigned endpoint; /* in use */
        const char *host_name;
        bool has_host_number;
        unsigned host_number;
        uint64_t rival_at_ms; /* another process used the name of this host; 0: none has */
} EtcdLogStatus;

void etcd_log_get_status(SharedLog *log, EtcdLogStatus *ret);

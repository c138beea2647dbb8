/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/etcd/etcd-client.h"

/*
 * A lease: etcd removes the keys that are attached to it when it has not been kept alive for its
 * TTL. It is kept alive at each third of the TTL.
 */
typedef struct EtcdLease EtcdLease;

typedef enum EtcdLeaseState {
        ETCD_LEASE_GRANTING, /* outages are waited for */
        ETCD_LEASE_HELD,
        /* Expired, or perhaps expired: there was no reply for the TTL. Create another lease. */
        ETCD_LEASE_LOST,
        ETCD_LEASE_FAILED, /* not granted */
} EtcdLeaseState;

/* The state has changed; `error` is the EtcdError or negative errno of FAILED, 0 otherwise. From
 * the event loop; may free the lease, not the client. */
typedef void (*EtcdLeaseFunc)(EtcdLease *lease, int error, void *userdata);

/* The TTL is in seconds, and at least 1; etcd may grant a longer one. Returns 0 or a negative
 * errno. */
int etcd_lease_new(EtcdClient *client, int64_t ttl_s, EtcdLeaseFunc func, void *userdata,
                   EtcdLease **ret);
/* Revokes the lease, without waiting for the reply. NULL is fine. Returns NULL. */
EtcdLease *etcd_lease_free(EtcdLease *lease);
DEFINE_CLEANUP(EtcdLease *, etcd_lease_free);

EtcdLeaseState etcd_lease_state(const EtcdLease *lease);
/* 0 until the lease is granted. */
int64_t etcd_lease_id(const EtcdLease *lease);
/* Earliest possible expiry, in CLOCK_MONOTONIC ms; 0 until the lease is granted. */
uint64_t etcd_lease_expires_at_ms(const EtcdLease *lease);

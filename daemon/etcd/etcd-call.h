/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/etcd/etcd-client.h"

/*
 * A request with a deadline. While no endpoint works, it waits. After the failure of an endpoint
 * the request is repeated at the next one; a txn that writes, only if it certainly was not
 * executed.
 */
typedef struct EtcdCall EtcdCall;

/*
 * r is 0, an EtcdError or -ENOMEM; `reply` is lent, and NULL unless r is 0. After
 * ETCD_ERROR_OUTCOME_UNKNOWN, OTHER_CLUSTER or REVISION_WENT_BACK a txn may have been executed;
 * after the others, it was not and will not be. Called once, never before the start function
 * returns and never after a cancel. May start and cancel calls, but not free the client.
 */
typedef void (*EtcdCallFunc)(int r, const EtcdReply *reply, void *userdata);

typedef struct EtcdCallOptions {
        uint64_t timeout_ms;  /* in total; 0: 5000 */
        uint64_t try_ms;      /* at one endpoint; 0: that of the client */
        size_t reply_len_max; /* 0: ETCD_REPLY_LEN_MAX */
        bool pinned;          /* send it once, to `endpoint`, in any state but a stopped one */
        unsigned endpoint;
} EtcdCallOptions;

/* As much as the key holder passes on. */
#define ETCD_REPLY_LEN_MAX (4U << 20)

/*
 * The start functions copy the request. `options` may be NULL. They return 0, -ENOMEM, or -E2BIG as
 * in daemon/etcd/etcd-request.h.
 */

/* A serializable range is also sent to an endpoint without a quorum. */
int etcd_range_start(EtcdClient *client, const EtcdRange *range, const EtcdCallOptions *options,
                     EtcdCallFunc func, void *userdata, EtcdCall **ret);
/* The reply has a reply of the right kind for each operation. */
int etcd_txn_start(EtcdClient *client, const EtcdTxn *txn, const EtcdCallOptions *options,
                   EtcdCallFunc func, void *userdata, EtcdCall **ret);
int etcd_lease_grant_start(EtcdClient *client, int64_t ttl_s, const EtcdCallOptions *options,
                           EtcdCallFunc func, void *userdata, EtcdCall **ret);
int etcd_lease_keepalive_start(EtcdClient *client, int64_t id, const EtcdCallOptions *options,
                               EtcdCallFunc func, void *userdata, EtcdCall **ret);
int etcd_lease_revoke_start(EtcdClient *client, int64_t id, const EtcdCallOptions *options,
                            EtcdCallFunc func, void *userdata, EtcdCall **ret);
/* The status is that of a member, so the options should pin its endpoint. */
int etcd_status_start(EtcdClient *client, const EtcdCallOptions *options, EtcdCallFunc func,
                      void *userdata, EtcdCall **ret);
int etcd_alarms_start(EtcdClient *client, const EtcdCallOptions *options, EtcdCallFunc func,
                      void *userdata, EtcdCall **ret);
int etcd_members_start(EtcdClient *client, const EtcdCallOptions *options, EtcdCallFunc func,
                       void *userdata, EtcdCall **ret);

/* The function will not be called. NULL is fine. Returns NULL. */
EtcdCall *etcd_call_cancel(EtcdCall *call);

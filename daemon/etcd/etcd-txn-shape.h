/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/etcd/etcd-reply.h"

/* The kinds of all operations of a txn, so that a reply can be checked when the txn is gone. */
typedef struct EtcdTxnShape EtcdTxnShape;

/* The txn passed etcd_request_txn(). Returns 0 or -ENOMEM. The caller frees *ret. */
int etcd_txn_shape_new(const EtcdTxn *txn, EtcdTxnShape **ret);
/* Whether the reply has a reply of the same kind for each operation that was executed. */
bool etcd_txn_shape_fits(const EtcdTxnShape *shape, const EtcdTxnReply *reply);

/* Whether executing the txn more than once is the same as once. */
bool etcd_txn_is_read_only(const EtcdTxn *txn);

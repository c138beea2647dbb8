/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/etcd/etcd-txn-shape.h"

/* A txn is encoded as the number of operations upon success, the operations, and the same upon
 * failure; an operation as its kind, followed by the nested txn if it is one. */
struct EtcdTxnShape {
        size_t len;
        uint8_t bytes[];
};

static size_t txn_len(const EtcdTxn *txn);

static size_t ops_len(const EtcdOp *ops, size_t n_ops)
{
        size_t len = 1;

        for (size_t i = 0; i < n_ops; i++)
                len += 1 + (ops[i].kind == ETCD_OP_TXN ? txn_len(ops[i].txn) : 0);
        return len;
}

static size_t txn_len(const EtcdTxn *txn)
{
        return ops_len(txn->success, txn->n_success) + ops_len(txn->failure, txn->n_failure);
}

static void add_txn(EtcdTxnShape *shape, const EtcdTxn *txn);

static void add_ops(EtcdTxnShape *shape, const EtcdOp *ops, size_t n_ops)
{
        shape->bytes[shape->len++] = (uint8_t) n_ops;
        for (size_t i = 0; i < n_ops; i++) {
                shape->bytes[shape->len++] = (uint8_t) ops[i].kind;
                if (ops[i].kind == ETCD_OP_TXN)
                        add_txn(shape, ops[i].txn);
        }
}

static void add_txn(EtcdTxnShape *shape, const EtcdTxn *txn)
{
        add_ops(shape, txn->success, txn->n_success);
        add_ops(shape, txn->failure, txn->n_failure);
}

int etcd_txn_shape_new(const EtcdTxn *txn, EtcdTxnShape **ret)
{
        EtcdTxnShape *shape = calloc(1, sizeof(EtcdTxnShape) + txn_len(txn));

        if (!shape)
                return -ENOMEM;
        add_txn(shape, txn);
        *ret = shape;
        return 0;
}

/* These functions move *pos behind the txn or its operations. A NULL reply fits. */

static bool txn_fits(const EtcdTxnShape *shape, size_t *pos, const EtcdTxnReply *reply);

static bool ops_fit(const EtcdTxnShape *shape, size_t *pos, const EtcdTxnReply *reply)
{
        size_t n_ops = shape->bytes[(*pos)++];
        bool fits = !reply || reply->n_replies == n_ops;

        for (size_t i = 0; i < n_ops; i++) {
                const EtcdOpReply *op = reply && fits ? reply->replies + i : NULL;
                EtcdOpKind kind = (EtcdOpKind) shape->bytes[(*pos)++];

                if (op && op->kind != kind) {
                        fits = false;
                        op = NULL;
                }
                if (kind == ETCD_OP_TXN)
                        fits = txn_fits(shape, pos, op ? &op->txn : NULL) && fits;
        }
        return fits;
}

static bool txn_fits(const EtcdTxnShape *shape, size_t *pos, const EtcdTxnReply *reply)
{
        bool success = ops_fit(shape, pos, reply && reply->succeeded ? reply : NULL);
        bool failure = ops_fit(shape, pos, reply && !reply->succeeded ? reply : NULL);

        return success && failure;
}

bool etcd_txn_shape_fits(const EtcdTxnShape *shape, const EtcdTxnReply *reply)
{
        size_t pos = 0;

        return txn_fits(shape, &pos, reply);
}

static bool ops_are_read_only(const EtcdOp *ops, size_t n_ops)
{
        for (size_t i = 0; i < n_ops; i++)
                if (ops[i].kind != ETCD_OP_RANGE &&
                    !(ops[i].kind == ETCD_OP_TXN && etcd_txn_is_read_only(ops[i].txn)))
                        return false;
        return true;
}

bool etcd_txn_is_read_only(const EtcdTxn *txn)
{
        return ops_are_read_only(txn->success, txn->n_success) &&
               ops_are_read_only(txn->failure, txn->n_failure);
}

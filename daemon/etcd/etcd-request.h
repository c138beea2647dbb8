/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Requests to etcd, and their JSON. All pointers are lent for the call. Each etcd_request_*()
 * function returns 0, -ENOMEM, or -E2BIG for a text of more than ETCD_REQUEST_LEN_MAX, for more
 * operations than ETCD_TXN_OPS_MAX, and for deeper nesting than ETCD_TXN_DEPTH_MAX. *ret is a
 * NUL-terminated text that the caller frees.
 */

/* As much as the key holder takes; etcd takes 1.5 MiB by default, in another encoding. */
#define ETCD_REQUEST_LEN_MAX (2U << 20)
/* The default of etcd, which counts nested operations as well. */
#define ETCD_TXN_OPS_MAX   128U
#define ETCD_TXN_DEPTH_MAX 4U

typedef struct EtcdBytes {
        const void *data; /* NULL if `len` is 0 */
        size_t len;
} EtcdBytes;

/* The bytes of a string literal. */
#define ETCD_BYTES(s) ((EtcdBytes){(s), sizeof(s) - 1})

/*
 * Makes the end of the range of all keys that begin with `prefix`, which is not empty. `buffer` has
 * room for the prefix, and holds the result. A prefix of 0xff bytes only has the end "\0": all keys
 * from it on.
 */
EtcdBytes etcd_prefix_end(EtcdBytes prefix, uint8_t *buffer);

/* Keys are in ascending order. */
typedef struct EtcdRange {
        EtcdBytes key;
        EtcdBytes range_end; /* exclusive; empty: only the key */
        int64_t limit;       /* 0: none */
        int64_t revision;    /* 0: the latest */
        bool serializable;   /* from the member's own data, which may be stale */
        bool keys_only;
        bool count_only;
} EtcdRange;

typedef struct EtcdPut {
        EtcdBytes key;
        EtcdBytes value;
        int64_t lease; /* 0: none */
        bool prev_kv;  /* reply with the former key and value */
} EtcdPut;

typedef struct EtcdDelete {
        EtcdBytes key;
        EtcdBytes range_end; /* as in EtcdRange */
        bool prev_kv;
} EtcdDelete;

typedef enum EtcdCompareTarget {
        ETCD_COMPARE_VERSION,
        ETCD_COMPARE_CREATE,
        ETCD_COMPARE_MOD,
        ETCD_COMPARE_VALUE,
} EtcdCompareTarget;

typedef enum EtcdCompareResult {
        ETCD_COMPARE_EQUAL,
        ETCD_COMPARE_GREATER,
        ETCD_COMPARE_LESS,
        ETCD_COMPARE_NOT_EQUAL,
} EtcdCompareResult;

/*
 * Whether the key's attribute is `result` than `number`, or than `value` for
 * ETCD_COMPARE_VALUE. Of a missing key, numbers are 0, and a comparison of its value is false. With
 * a range end, the comparison must hold for all keys of the range: it does for an empty range.
 */
typedef struct EtcdCompare {
        EtcdCompareTarget target;
        EtcdCompareResult result;
        EtcdBytes key;
        EtcdBytes range_end;
        int64_t number;
        EtcdBytes value;
} EtcdCompare;

typedef struct EtcdTxn EtcdTxn;

typedef enum EtcdOpKind {
        ETCD_OP_RANGE,
        ETCD_OP_PUT,
        ETCD_OP_DELETE,
        ETCD_OP_TXN,
} EtcdOpKind;

typedef struct EtcdOp {
        EtcdOpKind kind;
        union {
                EtcdRange range;
                EtcdPut put;
                EtcdDelete delete_range;
                const EtcdTxn *txn;
        };
} EtcdOp;

/* Executes `success` if all comparisons hold, otherwise `failure`, at one revision. Nested
 * comparisons see the operations before them. A key must not be put twice. */
struct EtcdTxn {
        const EtcdCompare *compares;
        size_t n_compares;
        const EtcdOp *success;
        size_t n_success;
        const EtcdOp *failure;
        size_t n_failure;
};

typedef struct EtcdWatchCreate {
        EtcdBytes key;
        EtcdBytes range_end;
        int64_t start_revision; /* of the first event; 0: after the current revision */
        bool progress_notify;
        bool prev_kv;
        bool fragment; /* split long messages */
} EtcdWatchCreate;

int etcd_request_range(const EtcdRange *range, char **ret);
int etcd_request_txn(const EtcdTxn *txn, char **ret);
int etcd_request_watch(const EtcdWatchCreate *create, char **ret);
/* The server chooses the id. The TTL is in seconds. */
int etcd_request_lease_grant(int64_t ttl_s, char **ret);
/* For keepalive and revoke. */
int etcd_request_lease(int64_t id, char **ret);
/* Lists the alarms of all members. */
int etcd_request_alarms(char **ret);
/* For status and member list. */
int etcd_request_empty(char **ret);

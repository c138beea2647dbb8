/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Answers of functions of this layer, beside 0 for success and negative errnos for local failures.
 * Not to be confused with Error of dbus/error.h.
 *
 *        name           value  text for people
 */
#define ETCD_ERROR_TABLE(X) \
        /* No endpoint replied before the deadline. The request was not executed. */ \
        X(UNAVAILABLE, 1001, "no endpoint is available") \
        /* Like UNAVAILABLE: members answer, but have no leader. */ \
        X(NO_LEADER, 1002, "the cluster has no leader") \
        /* A txn was sent, and its reply is lost: the txn may have been executed, or may yet be. \
         */ \
        X(OUTCOME_UNKNOWN, 1003, "the outcome is unknown") \
        /* The credentials were refused, are missing, or do not suffice. */ \
        X(DENIED, 1004, "permission denied") \
        /* The quota is exhausted: the cluster is read-only until an operator disarms the alarm. \
         */ \
        X(NO_SPACE, 1005, "the database space is exhausted") \
        X(TOO_LARGE, 1006, "the request or the reply is too large") \
        X(TOO_MANY_OPS, 1007, "the transaction has too many operations") \
        X(COMPACTED, 1008, "the revision has been compacted") \
        X(LEASE_NOT_FOUND, 1009, "the lease does not exist") \
        /* Another 4xx-like error. The request was not executed. */ \
        X(REFUSED, 1010, "the request was refused") \
        /* Not a reply of etcd, or not of this request. */ \
        X(MALFORMED, 1011, "the reply is malformed") \
        /* The cluster is another one than before. */ \
        X(OTHER_CLUSTER, 1012, "the endpoint belongs to another cluster") \
        /* The cluster has lost revisions, such as by restoring a backup. */ \
        X(REVISION_WENT_BACK, 1013, "the revision of the cluster went back")

typedef enum EtcdError {
#define ETCD_ERROR_MEMBER(name, value, text) ETCD_ERROR_##name = (value),
        ETCD_ERROR_TABLE(ETCD_ERROR_MEMBER)
#undef ETCD_ERROR_MEMBER
} EtcdError;

/* A text for people, without a capital letter and period; accepts 0 and negative errnos, too. */
const char *etcd_error_text(int r);

/* How a try of a request failed. */
typedef struct EtcdFailure {
        int error;      /* an EtcdError, or -ENOMEM */
        bool executed;  /* whether the request may have been executed */
        bool transient; /* the endpoint or the cluster is to blame: another try may succeed */
} EtcdFailure;

/* Classifies the result of EtcdReplyFunc (see daemon/etcd/etcd-transport.h) of a request that is
 * not a stream. Returns false, and leaves *ret, for a reply with status 200: its body is not looked
 * at. */
bool etcd_failure_of_reply(int r, unsigned status, const char *body, size_t body_len,
                           EtcdFailure *ret);

/* Classifies an error that etcd tells in a stream. `message` may be NULL. */
EtcdFailure etcd_failure_of_code(uint64_t grpc_code, const char *message);

/* For a reply with status 200 that cannot be decoded. */
EtcdFailure etcd_failure_of_decoding(int r);

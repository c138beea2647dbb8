/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * How requests reach etcd: by another process, which has the network and the credentials. It knows
 * the endpoints of the configuration by their index, adds the credentials, and refuses other paths
 * than those of EtcdPath.
 */
typedef enum EtcdPath {
        ETCD_KV_RANGE,           /* /v3/kv/range */
        ETCD_KV_TXN,             /* /v3/kv/txn */
        ETCD_WATCH,              /* /v3/watch */
        ETCD_LEASE_GRANT,        /* /v3/lease/grant */
        ETCD_LEASE_KEEPALIVE,    /* /v3/lease/keepalive */
        ETCD_LEASE_REVOKE,       /* /v3/lease/revoke */
        ETCD_MAINTENANCE_STATUS, /* /v3/maintenance/status */
        ETCD_MAINTENANCE_ALARM,  /* /v3/maintenance/alarm */
        ETCD_MEMBER_LIST,        /* /v3/cluster/member/list */
        ETCD_PATH_MAX,
} EtcdPath;

typedef struct EtcdRequest {
        EtcdPath path;
        unsigned endpoint; /* index, below n_endpoints() */
        const char *body;  /* JSON */
        size_t body_len;
        uint64_t timeout_ms;  /* 1..UINT32_MAX, until the reply is complete; of a stream, until its
                                 headers */
        size_t reply_len_max; /* a longer reply fails with -EMSGSIZE; ignored for a stream */
        bool require_leader; /* the member refuses the request while it has no leader; a stream ends
                                when it loses its leader */
} EtcdRequest;

/*
 * r is 0 for a complete reply of any status, and for a stream that the peer has ended. Otherwise
 * -ETIMEDOUT, -EMSGSIZE, -ECONNREFUSED, -EHOSTUNREACH (name resolution), -EKEYREJECTED (TLS
 * verification; if etcd refuses the client certificate, often -EPROTO), -EACCES (the credentials
 * were refused), -ENOKEY (a credential is missing), -ENOENT (trust anchors or certificate
 * unreadable), -EPROTO (not HTTP, or truncated), -EIO (other), -ENOLINK (the other process ended;
 * or of a stream, it stops, or endpoints or credentials have changed), -ENOTCONN (not sent: there
 * was no other process, or the endpoint does not exist any more), or -ENOMEM. After any of these
 * the request may have been executed, except for -ECONNREFUSED, -EHOSTUNREACH, -EKEYREJECTED,
 * -EACCES, -ENOKEY, -ENOENT and -ENOTCONN. The body is lent, and NULL for a stream. Called once,
 * never before start() returns and never after cancel().
 */
typedef void (*EtcdReplyFunc)(int r, unsigned status, const char *body, size_t body_len,
                              void *userdata);

/* Some bytes of a stream's body, lent, of a reply of any status. May cancel the request. */
typedef void (*EtcdDataFunc)(const char *data, size_t len, void *userdata);

typedef struct EtcdExchange EtcdExchange;

typedef struct EtcdTransport {
        /* 0 until the other process is ready, and while it cannot be started. */
        unsigned (*n_endpoints)(void *userdata);
        /* Copies the request. With `data`, the reply is a stream. Returns 0, -ENOTCONN without such
         * an endpoint, -ENOBUFS with 1024 requests or 32 streams in flight, -EMSGSIZE with more
         * than 2 MiB in the body or 4 MiB in reply_len_max, or -ENOMEM. */
        int (*start)(void *userdata, const EtcdRequest *request, EtcdDataFunc data,
                     EtcdReplyFunc reply, void *func_userdata, EtcdExchange **ret);
        /* Cancels a request whose reply function has not run. */
        void (*cancel)(EtcdExchange *exchange);
        void *userdata;
} EtcdTransport;

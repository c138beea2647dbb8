/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>

#include "base/macro.h"

/*
 * How requests reach the API. The daemon has neither keys nor the network: another process, the key
 * holder, makes its requests, see keyholder/protocol/protocol.h. There an *account* has the
 * endpoint, the trust anchors and the key of a tenancy.
 */
typedef enum ApiRequestKind {
        API_REQUEST_TENANCY,   /* of the tenancy, with its key */
        API_REQUEST_KEY_SET,   /* the public key set of the endpoint, without a key */
        API_REQUEST_KEY_PROOF, /* no HTTP: a proof of the key, see dbus/key-proof.h */
} ApiRequestKind;

typedef enum ApiMethod {
        API_GET,
        API_POST,
        API_DELETE,
} ApiMethod;

typedef struct ApiRequest {
        ApiRequestKind kind;
        uint64_t account;
        const char *tenancy_id;
        ApiMethod method;
        const char *path; /* below the tenancy, percent-encoded; or the nonce of a key proof */
        const char *body; /* JSON; NULL: none */
        size_t body_len;
        uint64_t timeout_ms;  /* 1..UINT32_MAX */
        size_t reply_len_max; /* a longer body fails with -EMSGSIZE */
        bool once;            /* not idempotent: never sent twice, unless HTTP/2 guarantees that it
                                 was not processed */
} ApiRequest;

typedef struct ApiReply {
        unsigned status;  /* 0 without complete headers */
        const char *body; /* NUL-terminated; may contain NULs */
        size_t body_len;
        uint32_t retry_after_s; /* Retry-After; 0: none, or past */
        uint64_t date_ms;       /* the Date header; 0: none */
        uint32_t connect_us;    /* to connect; 0: the request had an open connection, or got none */
        unsigned slots;         /* how many calls the API answers at once; 0: unknown */
} ApiReply;

/*
 * r is 0 for a complete reply of any status. Otherwise -ETIMEDOUT, -EMSGSIZE (body over the cap),
 * -EBADMSG (invalid headers), -ECONNREFUSED, -EHOSTUNREACH (name resolution), -EKEYREJECTED (TLS
 * verification), -ENOENT (trust anchors unreadable), -EPROTO (not HTTP, or truncated), -EIO
 * (other), API_TRANSPORT_LOST, or an errno of api_is_resource_shortage(). The reply is lent. Called
 * once, never before start() returns and never after cancel().
 */
typedef void (*ApiReplyFunc)(int r, const ApiReply *reply, void *userdata);

/* Instead of the id of a key: the transport does not know whether there is one; calls fail with
 * API_TRANSPORT_LOST. */
#define API_KEY_UNKNOWN UINT64_MAX

/* The transport failed, not the API. Transports retry by themselves what may be repeated. */
#define API_TRANSPORT_LOST (-ENOLINK)

/* Local resource shortages. */
static inline bool api_is_resource_shortage(int r)
{
        return r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -ENOBUFS;
}

typedef struct ApiExchange ApiExchange;

typedef struct ApiTransport {
        /* Copies the request. Returns 0 or an errno of api_is_resource_shortage(). */
        int (*start)(void *userdata, const ApiRequest *request, ApiReplyFunc func,
                     void *func_userdata, ApiExchange **ret);
        /* Cancels a call whose function has not run. */
        void (*cancel)(ApiExchange *call);
        /* An Api begins or ceases to use an account. May be NULL. */
        void (*hold)(void *userdata, uint64_t account);
        void (*release)(void *userdata, uint64_t account);
        void *userdata;
} ApiTransport;

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"
#include "base/secret.h"

/*
 * Non-blocking HTTP calls: libcurl's multi interface on sd-event. Knows nothing of Passlock. A
 * client is for one peer: one warm connection with multiplexed calls for HTTP/2 (a few if needed),
 * or a bounded number of connections for HTTP/1.1, which the first TLS reply reveals. TLS is always
 * verified, redirects are never followed, body and header sizes are capped. https:// uses the proxy
 * of the environment; http:// never does.
 *
 * curl's allocations are wiped on free: no bearer token or reply is left behind. Out of reach:
 * plaintext in buffers of nghttp2, the TLS library and the kernel, and copies by readers.
 */
typedef struct HttpClient HttpClient;
typedef struct HttpCall HttpCall;

typedef struct HttpRequest {
        const char *url;    /* complete, percent-encoded; http:// or https:// */
        const char *method; /* NULL: GET, or POST if there is a body */
        const char *body;   /* JSON; NULL: none */
        size_t body_len;
        const Secret *bearer; /* Authorization: Bearer BEARER; NULL: none */
        const Secret *token;  /* Authorization: TOKEN; NULL: none */
        const char *header;   /* a further header line; NULL: none */
        uint64_t timeout_ms;  /* 1..UINT32_MAX: resolving, connecting, sending, receiving, and
                                 waiting for a connection; of a stream, until its headers */
        size_t reply_len_max; /* a longer body fails with -EMSGSIZE; ignored for a stream */
        bool once; /* not idempotent: never sent twice, not even by curl's retry on a dead reused
                      connection (-EPROTO). Exception: see http-refused-stream.h */
} HttpRequest;

typedef struct HttpReply {
        unsigned status;  /* 0 without complete headers; with -EBADMSG, without a complete status
                             line */
        const char *body; /* NUL-terminated; may contain NULs */
        size_t body_len;
        uint32_t retry_after_s; /* Retry-After, by the peer's clock if known; 0: none, or past */
        uint64_t date_ms;       /* the Date header; 0: none */
        uint32_t connect_us;    /* to resolve, connect and finish the TLS handshake; 0: the request
                                   had an open connection, or got none */
} HttpReply;

/*
 * r is 0 for a complete reply of any status. Otherwise -ETIMEDOUT, -EMSGSIZE (body over the cap),
 * -EBADMSG (headers over the cap or contradictory), -ECONNREFUSED, -EHOSTUNREACH (name resolution),
 * -EKEYREJECTED (TLS verification; by the peer, it may also be -EPROTO), -ENOENT (trust anchors or
 * client certificate unreadable), -EPROTO (not HTTP, or truncated), -EIO (other), or an errno of
 * http_is_resource_shortage(). The reply is lent; its status is set if one was received. Called
 * once, never before http_call_start() returns and never after http_call_cancel(). May start calls,
 * cancel others and free the client.
 */
typedef void (*HttpFunc)(int r, const HttpReply *reply, void *userdata);

/* Whether the errno is a local resource shortage: -ENOMEM, -EMFILE, -ENFILE, or -ENOBUFS for other
 * kernel limits. */
bool http_is_resource_shortage(int r);

/*
 * `ca_file` has the only trust anchors; NULL: the system's. After a change of the file, the next
 * call reads it and opens a new connection. Returns 0, -ENOMEM or -EOPNOTSUPP (libcurl without an
 * asynchronous resolver).
 */
int http_client_new(sd_event *event, const char *ca_file, HttpClient **ret);
/* Has later calls authenticate with a client certificate. `cert_file` is treated like a CA file;
 * the key (PEM) is referenced. Returns 0 or -ENOMEM. */
int http_client_set_certificate(HttpClient *client, const char *cert_file, Secret *key);
/* Cancels calls in flight. Returns NULL. */
HttpClient *http_client_free(HttpClient *client);
DEFINE_CLEANUP(HttpClient *, http_client_free);

/* How many calls may be in flight before one waits for a connection or a stream: depends on the
 * peer's HTTP version. */
unsigned http_client_slots(const HttpClient *client);

/* The file with the trust anchors for this `ca_file`, lent; NULL if curl has no default. */
const char *http_trust_file(const char *ca_file);

/* Copies the request. Returns 0, -EINVAL, or an errno of http_is_resource_shortage(). */
int http_call_start(HttpClient *client, const HttpRequest *request, HttpFunc func, void *userdata,
                    HttpCall **ret);
/* Some bytes of a stream's body, lent. Returns false to pause the stream: the same bytes come again
 * after http_stream_resume(). Runs within curl, so it may not start, cancel or resume a call, nor
 * free the client. */
typedef bool (*HttpDataFunc)(const char *bytes, size_t len, void *userdata);

/*
 * A call whose reply is passed on while it is received, without a limit of time and length; its
 * HttpFunc gets no body. It has a connection of its own, and so delays no other call while it is
 * paused.
 */
int http_stream_start(HttpClient *client, const HttpRequest *request, HttpDataFunc data,
                      HttpFunc func, void *userdata, HttpCall **ret);
/* Continues a paused stream, and may call its HttpDataFunc. */
void http_stream_resume(HttpCall *call);

/* Cancels a call whose callback has not run. NULL is fine. Returns NULL. */
HttpCall *http_call_cancel(HttpCall *call);
DEFINE_CLEANUP(HttpCall *, http_call_cancel);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"
#include "base/secret.h"

/*
 * HTTP calls on an event loop that is never blocked: libcurl's multi interface on sd-event. Knows
 * nothing of Passlock. A client is for one peer. It keeps one warm connection and multiplexes its
 * calls over it where the peer speaks HTTP/2, or a few if one does not do; over HTTP/1.1, which a
 * peer with TLS is known to speak from its first reply on, it opens a bounded number of
 * connections. TLS is always verified, redirects are never followed, reply bodies and headers are
 * capped. https:// goes through the proxy that the environment names, if any; http:// never does.
 *
 * Whatever curl allocates is wiped before it is freed, so that neither the bearer nor a reply stays
 * behind in its memory. What is beyond reach: the plaintext in the buffers of nghttp2 and of the
 * TLS library, what is in the kernel's socket buffers, and what a reply's reader copies.
 */
typedef struct HttpClient HttpClient;
typedef struct HttpCall HttpCall;

typedef struct HttpRequest {
        const char *url;    /* complete, percent-encoded; http:// or https:// */
        const char *method; /* NULL: GET, or POST if there is a body */
        const char *body;   /* JSON; NULL: none */
        size_t body_len;
        const Secret *bearer; /* NULL: no Authorization header */
        uint64_t timeout_ms;  /* 1..UINT32_MAX, for everything: resolving, connecting, sending,
                                 receiving, and waiting for a connection */
        size_t reply_len_max; /* a longer body ends the call with -EMSGSIZE */
        bool once;            /* must not reach the peer twice, also not by curl's own retry on a
                                 reused connection that turns out to be dead: -EPROTO. What the peer
                                 says that it did not process may be sent again: see on_send() in
                                 http-transfer.c */
} HttpRequest;

typedef struct HttpReply {
        unsigned status;  /* 0 if no complete status line and headers came; with -EBADMSG, no
                             complete status line */
        const char *body; /* NUL-terminated behind body_len; may hold NULs of its own */
        size_t body_len;
        uint32_t retry_after_s; /* until when Retry-After asks to wait, by the peer's clock if it
                                   tells it; 0: it does not ask, or not any more */
        uint64_t date_ms;       /* what time it was there, by Date; 0: it does not say */
} HttpReply;

/*
 * r is 0 for a complete reply whatever its status, else why there is none: -ETIMEDOUT, -EMSGSIZE
 * (the body was over the cap), -EBADMSG (the headers were, or they contradict each other),
 * -ECONNREFUSED, -EHOSTUNREACH (name resolution failed), -EKEYREJECTED (TLS verification failed),
 * -ENOENT (the trust anchors cannot be read), -EPROTO (not HTTP, or cut off), -EIO (anything else),
 * or what http_is_resource_shortage() says of. The reply is lent, and its status is filled in where
 * one came. Runs exactly once, never before http_call_start() returns and never after
 * http_call_cancel(). It may start calls, cancel others and free the client.
 */
typedef void (*HttpFunc)(int r, const HttpReply *reply, void *userdata);

/* Whether this is an errno of a shortage on this side, of which the peer knows nothing: -ENOMEM,
 * -EMFILE, -ENFILE, or -ENOBUFS for anything else that the kernel counts. */
bool http_is_resource_shortage(int r);

/*
 * `ca_file`: the only trust anchors for this client, or NULL for the system's. When the file of
 * either changes, comes or goes, the next call makes a new connection and goes by what is in it
 * then. Returns 0, -ENOMEM or -EOPNOTSUPP (this libcurl can only block while it resolves names).
 */
int http_client_new(sd_event *event, const char *ca_file, HttpClient **ret);
/* Cancels what is still in flight. Returns NULL. */
HttpClient *http_client_free(HttpClient *client);
DEFINE_CLEANUP(HttpClient *, http_client_free);

/* The file that a client with this `ca_file` gets its trust anchors from, lent. NULL if curl has
 * none. */
const char *http_trust_file(const char *ca_file);

/* Copies what it needs of the request. Returns 0, -EINVAL, or what http_is_resource_shortage() says
 * of. */
int http_call_start(HttpClient *client, const HttpRequest *request, HttpFunc func, void *userdata,
                    HttpCall **ret);
/* Ends a call whose function has not run yet. NULL is fine. Returns NULL. */
HttpCall *http_call_cancel(HttpCall *call);
DEFINE_CLEANUP(HttpCall *, http_call_cancel);

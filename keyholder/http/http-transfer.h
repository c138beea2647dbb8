/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>

#include "keyholder/http/http-options.h"
#include "keyholder/http/http-transfer-cache.h"

/* A single request in curl, and its reply: see http-transfer-cache.h. */

/* For the connections that may be used. */
typedef struct HttpOptions {
        const char *ca_file;       /* the peer's trust anchors; NULL: curl's */
        const char *proxy_ca_file; /* trust anchors of an https:// proxy */
        const char *cert_file;     /* client certificate; NULL: none */
        const Secret *cert_key;    /* its private key; NULL: none */
        bool http1;                /* the peer does not speak HTTP/2 */
} HttpOptions;

/*
 * Copies the request. `n_received` counts received bytes of all transfers that share connections,
 * and must stay valid until the transfer has left its multi. Returns 0, -EINVAL or -ENOMEM.
 */
int http_transfer_new(HttpTransferCache *cache, const HttpRequest *request,
                      const HttpOptions *options, uint64_t *n_received, void *userdata,
                      HttpTransfer **ret);
/* Forgets request and reply. The handle must have left its multi. Returns NULL. */
HttpTransfer *http_transfer_free(HttpTransfer *transfer);
DEFINE_CLEANUP(HttpTransfer *, http_transfer_free);
/* The same, for the cache. */
void http_transfer_destroy(HttpTransfer *transfer);

/* Makes it a stream. */
void http_transfer_set_data(HttpTransfer *transfer, HttpDataFunc data, void *userdata);
/* Continues a paused stream. */
void http_transfer_resume(HttpTransfer *transfer);

/* The handle for the multi, and the reverse mapping. */
CURL *http_transfer_easy(HttpTransfer *transfer);
void *http_transfer_userdata(CURL *easy);

/* Maps curl's result to the errnos of HttpFunc. */
int http_transfer_end(HttpTransfer *transfer, CURLcode code);
/* The reply received so far, lent; `r` is the result of the transfer. */
HttpReply http_transfer_reply(const HttpTransfer *transfer, int r);
/* CURL_HTTP_VERSION_*; CURL_HTTP_VERSION_NONE before a reply. */
long http_transfer_version(const HttpTransfer *transfer);
/* Whether all headers of the reply, not of an interim one, were received. */
bool http_transfer_has_headers(const HttpTransfer *transfer);
/* Whether the request was sent, and nothing was received since on any shared connection. */
bool http_transfer_received_nothing(const HttpTransfer *transfer);

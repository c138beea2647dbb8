/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>

#include "daemon/api/http.h"

/*
 * One request on its way through curl and the reply as it comes in. All that makes a request safe
 * is said here: what is verified, what is refused, what is bounded.
 */
typedef struct HttpTransfer HttpTransfer;

typedef struct HttpTransferContext {
        const char *ca_file; /* NULL: the system's trust anchors */
        bool http1;          /* the peer is known not to speak HTTP/2 */
        uint64_t *n_heard;   /* counts what comes in, for all transfers that share connections; used
                                until the transfer has left its multi */
} HttpTransferContext;

/* Copies the request. Returns 0, -EINVAL or -ENOMEM. */
int http_transfer_new(const HttpRequest *request, const HttpTransferContext *context,
                      void *userdata, HttpTransfer **ret);
/* Wipes everything. The handle must belong to no multi any more. Returns NULL. */
HttpTransfer *http_transfer_free(HttpTransfer *transfer);
DEFINE_CLEANUP(HttpTransfer *, http_transfer_free);

/* The handle to add to a multi, and the way back from it. */
CURL *http_transfer_easy(HttpTransfer *transfer);
void *http_transfer_userdata(CURL *easy);

/* What curl's result means, in the errnos of HttpFunc. */
int http_transfer_result(const HttpTransfer *transfer, CURLcode code);
/* What has come in so far, lent. */
HttpReply http_transfer_reply(const HttpTransfer *transfer);
/* One of CURL_HTTP_VERSION_*, CURL_HTTP_VERSION_NONE before there is a reply. */
long http_transfer_version(const HttpTransfer *transfer);
/* The request was sent, and since then nobody heard anything from the peer. */
bool http_transfer_is_ignored(const HttpTransfer *transfer);

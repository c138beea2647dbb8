/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>

#include "daemon/http/http-options.h"

/*
 * One request on its way through curl, and what comes back.
 */
typedef struct HttpTransfer HttpTransfer;

/*
 * Copies the request. `n_heard` counts what comes in, for all transfers that share connections, and
 * is used until the transfer has left its multi. Returns 0, -EINVAL or -ENOMEM.
 */
int http_transfer_new(const HttpRequest *request, const HttpOptions *options, uint64_t *n_heard,
                      void *userdata, HttpTransfer **ret);
/* Wipes everything. The handle must belong to no multi any more. Returns NULL. */
HttpTransfer *http_transfer_free(HttpTransfer *transfer);
DEFINE_CLEANUP(HttpTransfer *, http_transfer_free);

/* The handle to add to a multi, and the way back from it. */
CURL *http_transfer_easy(HttpTransfer *transfer);
void *http_transfer_userdata(CURL *easy);

/* What curl's result means, in the errnos of HttpFunc. */
int http_transfer_result(const HttpTransfer *transfer, CURLcode code);
/* What has come in so far, lent; `r` is that result. */
HttpReply http_transfer_reply(const HttpTransfer *transfer, int r);
/* One of CURL_HTTP_VERSION_*, CURL_HTTP_VERSION_NONE before there is a reply. */
long http_transfer_version(const HttpTransfer *transfer);
/* The request was sent, and since then nobody heard anything from the peer. */
bool http_transfer_received_nothing(const HttpTransfer *transfer);

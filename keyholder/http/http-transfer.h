/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>

#include "keyholder/http/http-options.h"

/* A single request in curl, and its reply. */
typedef struct HttpTransfer HttpTransfer;

/*
 * Copies the request. `n_received` counts received bytes of all transfers that share connections,
 * and must stay valid until the transfer has left its multi. Returns 0, -EINVAL or -ENOMEM.
 */
int http_transfer_new(const HttpRequest *request, const HttpOptions *options, uint64_t *n_received,
                      void *userdata, HttpTransfer **ret);
/* Wipes request and reply. The handle must have left its multi. Returns NULL. */
HttpTransfer *http_transfer_free(HttpTransfer *transfer);
DEFINE_CLEANUP(HttpTransfer *, http_transfer_free);

/* The handle for the multi, and the reverse mapping. */
CURL *http_transfer_easy(HttpTransfer *transfer);
void *http_transfer_userdata(CURL *easy);

/* Maps curl's result to the errnos of HttpFunc. */
int http_transfer_result(const HttpTransfer *transfer, CURLcode code);
/* The reply received so far, lent; `r` is the result of the transfer. */
HttpReply http_transfer_reply(const HttpTransfer *transfer, int r);
/* CURL_HTTP_VERSION_*; CURL_HTTP_VERSION_NONE before a reply. */
long http_transfer_version(const HttpTransfer *transfer);
/* Whether the request was sent, and nothing was received since on any shared connection. */
bool http_transfer_received_nothing(const HttpTransfer *transfer);

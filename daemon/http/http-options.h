/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>

#include "daemon/http/http.h"

/* How a request goes: all that makes it safe is said here, what is verified and what is refused. */

typedef struct HttpOptions {
        const char *ca_file;       /* the peer's trust anchors; NULL: curl's */
        const char *proxy_ca_file; /* the same of an https:// proxy */
        bool http1;                /* the peer is known not to speak HTTP/2 */
} HttpOptions;

/* Tells curl what to send, and how. The header lines, which curl uses until the transfer is over,
 * are made anew, for curl_slist_free_all(). Returns 0, -EINVAL or -ENOMEM; the lines are there also
 * after a failure. */
int http_options_set(CURL *easy, const HttpRequest *request, const HttpOptions *options,
                     struct curl_slist **ret_headers);

/* Sets an option unless an earlier one failed already. */
#define HTTP_SET(c, easy, option, value) \
        do { \
                if ((c) == CURLE_OK) \
                        (c) = curl_easy_setopt((easy), (option), (value)); \
        } while (false)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>

#include "keyholder/http/http.h"

/* The curl options of a request, including all that are relevant for security. */

typedef struct HttpOptions {
        const char *ca_file;       /* the peer's trust anchors; NULL: curl's */
        const char *proxy_ca_file; /* trust anchors of an https:// proxy */
        bool http1;                /* the peer does not speak HTTP/2 */
} HttpOptions;

/* Sets all options of a request. *ret_headers must outlive the transfer and be freed by
 * curl_slist_free_all(), also after a failure. Returns 0, -EINVAL or -ENOMEM. */
int http_options_set(CURL *easy, const HttpRequest *request, const HttpOptions *options,
                     struct curl_slist **ret_headers);

/* Sets an option unless an earlier one failed. */
#define HTTP_SET(c, easy, option, value) \
        do { \
                if ((c) == CURLE_OK) \
                        (c) = curl_easy_setopt((easy), (option), (value)); \
        } while (false)

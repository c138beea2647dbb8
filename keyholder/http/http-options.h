/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>

#include "keyholder/http/http.h"

/* The curl options of a request, including all that are relevant for security. */

/* Settings that are the same for all requests of a handle. */
typedef struct HttpSettings {
        bool https;
        bool once;                 /* see HttpRequest */
        const char *ca_file;       /* the peer's trust anchors; NULL: curl's */
        const char *proxy_ca_file; /* trust anchors of an https:// proxy */
        const char *cert_file;     /* client certificate; NULL: none */
        const Secret *cert_key;    /* its private key; NULL: none */
} HttpSettings;

/* Sets the options of a new handle. Returns 0, -EINVAL or -ENOMEM. */
int http_options_set(CURL *easy, const HttpSettings *settings);

/* Sets the options of a request, all of which the next request replaces. *ret_headers must outlive
 * the transfer and be freed by curl_slist_free_all(), also after a failure. `http1`: the peer does
 * not speak HTTP/2. Returns 0, -EINVAL or -ENOMEM. */
int http_options_set_request(CURL *easy, const HttpRequest *request, bool http1,
                             struct curl_slist **ret_headers);
/* Drops headers, body and URL. */
void http_options_clear_request(CURL *easy);

/* Sets an option unless an earlier one failed. */
#define HTTP_SET(c, easy, option, value) \
        do { \
                if ((c) == CURLE_OK) \
                        (c) = curl_easy_setopt((easy), (option), (value)); \
        } while (false)

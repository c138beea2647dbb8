/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* libcurl, loaded at run time. */

#include <curl/curl.h>

#define LIBCURL_FUNCTIONS(X) \
        X(curl_easy_cleanup) \
        X(curl_easy_escape) \
        X(curl_easy_getinfo) \
        X(curl_easy_header) \
        X(curl_easy_init) \
        X(curl_easy_perform) \
        X(curl_easy_setopt) \
        X(curl_easy_strerror) \
        X(curl_free) \
        X(curl_getdate) \
        X(curl_slist_append) \
        X(curl_slist_free_all)

/* sym_curl_easy_init() is curl_easy_init(), NULL until libcurl_load(). */
#define LIBCURL_DECLARE(name) extern __typeof__(name) *sym_##name;
LIBCURL_FUNCTIONS(LIBCURL_DECLARE)

/* Returns 0, or -ELIBACC with an error message. */
int libcurl_load(const char **ret_error);

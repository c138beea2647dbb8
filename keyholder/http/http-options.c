/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/wiping-allocator.h"
#include "build-config.h"
#include "keyholder/http/http-options.h"

/* TCP keep-alive detects a dead peer. */
#define KEEPALIVE_IDLE_S  15L
#define KEEPALIVE_EVERY_S 5L

/* The minimum: bodies are small, and each buffer is wiped. */
#define UPLOAD_BUFFER_SIZE 16384L

static int append_header(struct curl_slist **headers, const char *line)
{
        struct curl_slist *grown = curl_slist_append(*headers, line);

        if (!grown)
                return -ENOMEM;
        *headers = grown;
        return 0;
}

static int append_secret(struct curl_slist **headers, const char *begin, const Secret *secret)
{
        _cleanup_(wiping_freep) char *line = NULL;

        line = malloc(strlen(begin) + secret_len(secret) + 1);
        if (!line)
                return -ENOMEM;
        (void) stpcpy(stpcpy(line, begin), secret_reveal(secret));
        return append_header(headers, line);
}

static int make_headers(const HttpRequest *request, struct curl_slist **headers)
{
        int r;

        r = append_header(headers, "Accept: application/json");
        if (r == 0)
                r = append_header(headers,
                                  "Expect:"); /* disable 100-continue: saves a round trip */
        if (r == 0 && request->body)
                r = append_header(headers, "Content-Type: application/json");
        if (r == 0 && request->bearer)
                r = append_secret(headers, "Authorization: Bearer ", request->bearer);
        if (r == 0 && request->token)
                r = append_secret(headers, "Authorization: ", request->token);
        if (r == 0 && request->header)
                r = append_header(headers, request->header);
        return r;
}

static CURLcode set_connection(CURL *easy, bool https)
{
        CURLcode c = CURLE_OK;

        HTTP_SET(c, easy, CURLOPT_PROTOCOLS_STR, "http,https");
        HTTP_SET(c, easy, CURLOPT_TCP_KEEPALIVE, 1L);
        HTTP_SET(c, easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
        HTTP_SET(c, easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
        /* Do not wait for a blocked resolver thread at cleanup. */
        HTTP_SET(c, easy, CURLOPT_QUICK_EXIT, 1L);
        if (!https) {
                HTTP_SET(c, easy, CURLOPT_PROXY, "");
                HTTP_SET(c, easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
        }
        return c;
}

static CURLcode set_certificate(CURL *easy, const char *cert_file, const Secret *key)
{
        struct curl_blob blob = {.data = (void *) secret_reveal(key),
                                 .len = secret_len(key),
                                 .flags = CURL_BLOB_COPY};
        CURLcode c = CURLE_OK;

        HTTP_SET(c, easy, CURLOPT_SSLCERT, cert_file);
        HTTP_SET(c, easy, CURLOPT_SSLKEY_BLOB, &blob);
        /* Otherwise OpenSSL would ask for a passphrase on a terminal. */
        HTTP_SET(c, easy, CURLOPT_KEYPASSWD, "");
        return c;
}

static CURLcode set_tls(CURL *easy, const HttpSettings *settings)
{
        CURLcode c = CURLE_OK;

        HTTP_SET(c, easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
        /* Ignore the headers of a proxy's CONNECT reply. */
        HTTP_SET(c, easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        HTTP_SET(c, easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
        HTTP_SET(c, easy, CURLOPT_SSL_VERIFYPEER, 1L);
        HTTP_SET(c, easy, CURLOPT_SSL_VERIFYHOST, 2L);
        /* A file instead of a directory, so that curl can cache the parsed anchors; http-trust.h
         * invalidates the cache. */
        HTTP_SET(c, easy, CURLOPT_CAPATH, NULL);
        HTTP_SET(c, easy, CURLOPT_PROXY_CAPATH, NULL);
        HTTP_SET(c, easy, CURLOPT_CA_CACHE_TIMEOUT, -1L);
        if (settings->ca_file)
                HTTP_SET(c, easy, CURLOPT_CAINFO, settings->ca_file);
        if (settings->proxy_ca_file)
                HTTP_SET(c, easy, CURLOPT_PROXY_CAINFO, settings->proxy_ca_file);
        if (c == CURLE_OK && settings->cert_file)
                c = set_certificate(easy, settings->cert_file, settings->cert_key);
        return c;
}

static CURLcode set_http(CURL *easy)
{
        CURLcode c = CURLE_OK;

        HTTP_SET(c, easy, CURLOPT_PATH_AS_IS, 1L);
        HTTP_SET(c, easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
        HTTP_SET(c, easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
        HTTP_SET(c, easy, CURLOPT_FOLLOWLOCATION, 0L);
        HTTP_SET(c, easy, CURLOPT_NOSIGNAL, 1L);
        HTTP_SET(c, easy, CURLOPT_USERAGENT, "passlockd/" PACKAGE_VERSION);
        HTTP_SET(c, easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_SIZE);
        /* Not sent to a proxy. */
        HTTP_SET(c, easy, CURLOPT_HEADEROPT, (long) CURLHEADER_SEPARATE);
        return c;
}

static int errno_of_code(CURLcode c)
{
        if (c == CURLE_OK)
                return 0;
        return c == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

int http_options_set(CURL *easy, const HttpSettings *settings)
{
        CURLcode c;

        c = set_connection(easy, settings->https);
        if (c == CURLE_OK && settings->https)
                c = set_tls(easy, settings);
        if (c == CURLE_OK)
                c = set_http(easy);
        return errno_of_code(c);
}

int http_options_set_request(CURL *easy, const HttpRequest *request, bool http1,
                             struct curl_slist **ret_headers)
{
        bool https = strncmp(request->url, "https://", 8) == 0;
        CURLcode c = CURLE_OK;
        int r;

        r = make_headers(request, ret_headers);
        if (r < 0)
                return r;
        HTTP_SET(c, easy, CURLOPT_URL, request->url);
        HTTP_SET(c, easy, CURLOPT_HTTPHEADER, *ret_headers);
        if (request->body) {
                HTTP_SET(c, easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_len);
                HTTP_SET(c, easy, CURLOPT_COPYPOSTFIELDS, request->body);
        } else {
                HTTP_SET(c, easy, CURLOPT_HTTPGET, 1L);
        }
        HTTP_SET(c, easy, CURLOPT_CUSTOMREQUEST, request->method);
        /* Wait for a connection in progress instead of opening another. */
        HTTP_SET(c, easy, CURLOPT_PIPEWAIT, http1 ? 0L : 1L);
        /* With HTTP/1.1, curl may reuse a connection that the peer closed with a TLS alert, which
         * would need a retry. */
        HTTP_SET(c, easy, CURLOPT_FRESH_CONNECT, https && http1 && request->once ? 1L : 0L);
        return errno_of_code(c);
}

void http_options_clear_request(CURL *easy)
{
        (void) curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
        (void) curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, NULL);
        (void) curl_easy_setopt(easy, CURLOPT_URL, NULL);
}

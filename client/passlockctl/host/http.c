/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <passlock.h>
#include <stdio.h>

#include "base/text.h"
#include "build-config.h"
#include "client/passlockctl/host/http.h"
#include "client/passlockctl/host/libcurl.h"

#define BODY_LEN_MAX (16U * 1024 * 1024)
/* Limits of an error body, and of all header lines, as for the daemon. */
#define ERROR_LEN_MAX   16384U
#define HEADERS_LEN_MAX (64U * 1024)

typedef struct Transfer {
        CURL *easy;
        struct curl_slist *headers;
        char *url;
        bool tls;
        bool sent;
        bool headers_complete;
        bool too_large; /* headers or body */
        size_t headers_len;
        FILE *body_stream; /* into the body */
        char *body;
        size_t body_len, received;
        char error[CURL_ERROR_SIZE];
} Transfer;

/* curl does not erase its copies of the key; the header line here is erased. */
static void transfer_done(Transfer *transfer)
{
        sym_curl_easy_cleanup(transfer->easy);
        for (struct curl_slist *h = transfer->headers; h; h = h->next)
                explicit_bzero(h->data, strlen(h->data));
        sym_curl_slist_free_all(transfer->headers);
        free(transfer->url);
        if (transfer->body_stream)
                fclose(transfer->body_stream);
        free(transfer->body);
}

static bool is_this_host(const char *ip)
{
        return strncmp(ip, "127.", 4) == 0 || streq(ip, "::1");
}

/* Called after connecting: allow plain HTTP to loopback only. */
static int on_connected(void *userdata, char *peer_ip, char *local_ip, int peer_port,
                        int local_port)
{
        Transfer *transfer = userdata;

        transfer->sent = true;
        return transfer->tls || is_this_host(peer_ip) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* An empty line ends the headers, unless the response is interim (1xx). */
static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
        Transfer *transfer = userdata;

        transfer->headers_len += size * n;
        transfer->too_large = transfer->headers_len > HEADERS_LEN_MAX;
        if (size * n <= 2)
                transfer->headers_complete = true;
        else if (strncmp(line, "HTTP/", 5) == 0)
                transfer->headers_complete = false;
        return transfer->too_large ? 0 : size * n;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *userdata)
{
        Transfer *transfer = userdata;

        transfer->received += size * n;
        transfer->too_large = transfer->received > BODY_LEN_MAX;
        return transfer->too_large ? 0 : fwrite(bytes, 1, size * n, transfer->body_stream);
}

static int add_header(Transfer *transfer, const char *line)
{
        struct curl_slist *headers = sym_curl_slist_append(transfer->headers, line);

        if (!headers)
                return -ENOMEM;
        transfer->headers = headers;
        return 0;
}

static int add_bearer(Transfer *transfer, const Secret *key)
{
        char line[SECRET_LEN_MAX + 32];
        int r;

        snprintf(line, sizeof(line), "Authorization: Bearer %s", secret_reveal(key));
        r = add_header(transfer, line);
        explicit_bzero(line, sizeof(line));
        return r;
}

/* Sets an option unless an earlier one failed. */
#define SET(option, value) \
        do { \
                if (c == CURLE_OK) \
                        c = sym_curl_easy_setopt(transfer->easy, (option), (value)); \
        } while (false)

static CURLcode transfer_set_way(Transfer *transfer, const HttpRequest *request)
{
        CURLcode c = CURLE_OK;

        SET(CURLOPT_PROTOCOLS_STR, transfer->tls ? "https" : "http");
        SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
        SET(CURLOPT_SSL_VERIFYPEER, 1L);
        SET(CURLOPT_SSL_VERIFYHOST, 2L);
        if (request->ca_file) {
                SET(CURLOPT_CAPATH, NULL);
                SET(CURLOPT_CAINFO, request->ca_file);
        }
        /* Ignore the proxy variables of this process. */
        SET(CURLOPT_PROXY, transfer->tls && request->proxy ? request->proxy : "");
        SET(CURLOPT_NOPROXY, "");
        return c;
}

static CURLcode transfer_set(Transfer *transfer, uint32_t timeout_ms)
{
        CURLcode c = CURLE_OK;

        SET(CURLOPT_URL, transfer->url);
        SET(CURLOPT_HTTPHEADER, transfer->headers);
        SET(CURLOPT_HEADEROPT, (long) CURLHEADER_SEPARATE);
        SET(CURLOPT_USERAGENT, "passlockctl/" PACKAGE_VERSION);
        SET(CURLOPT_ERRORBUFFER, transfer->error);
        SET(CURLOPT_TIMEOUT_MS, (long) timeout_ms);
        SET(CURLOPT_NOSIGNAL, 1L);
        SET(CURLOPT_FOLLOWLOCATION, 0L);
        SET(CURLOPT_PATH_AS_IS, 1L);
        SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
        SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
        SET(CURLOPT_PREREQFUNCTION, on_connected);
        SET(CURLOPT_PREREQDATA, transfer);
        SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        SET(CURLOPT_HEADERFUNCTION, on_header);
        SET(CURLOPT_HEADERDATA, transfer);
        SET(CURLOPT_WRITEFUNCTION, on_body);
        SET(CURLOPT_WRITEDATA, transfer);
        return c;
}

static HttpOutcome outcome_of(CURLcode c)
{
        switch (c) {
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
                return HTTP_NO_TRUST;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SSL_CIPHER:
                return HTTP_NO_TLS;
        default:
                return HTTP_NO_CONNECTION;
        }
}

static int64_t date_of(CURL *easy)
{
        struct curl_header *header;

        if (sym_curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
                return -1;
        return (int64_t) sym_curl_getdate(header->value, NULL);
}

static unsigned status_of(CURL *easy)
{
        long status = 0;

        sym_curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        return (unsigned) status;
}

static bool is_success(unsigned status)
{
        return status >= 200 && status < 300;
}

/* Same rules as in the daemon: a response over a limit is malformed, and an error status is
 * sufficient even if the body is truncated. */
static bool has_responded(const Transfer *transfer, CURLcode c, unsigned status)
{
        if (transfer->too_large)
                return status >= 200;
        return transfer->headers_complete && (c == CURLE_OK || !is_success(status));
}

static void read_tag(Transfer *transfer, HttpResponse *answer)
{
        const char *body = fflush(transfer->body_stream) == 0 ? transfer->body : "";

        if (is_success((unsigned) answer->status))
                http_tag_of_success(body, transfer->body_len, answer->tag);
        else if (transfer->body_len <= ERROR_LEN_MAX)
                http_tag_of_error(body, transfer->body_len, answer->tag);
}

/* For a header line over its own limit, curl returns CURLE_OUT_OF_MEMORY, since 8.6
 * CURLE_TOO_LARGE. */
static bool is_too_large(const Transfer *transfer, CURLcode c)
{
        return transfer->sent && (c == CURLE_OUT_OF_MEMORY || (int) c == 100 /* CURLE_TOO_LARGE */);
}

static int transfer_perform(Transfer *transfer, HttpResponse *ret)
{
        HttpResponse answer = {.date_sec = -1, .tls = transfer->tls};
        unsigned status;
        CURLcode c;

        c = sym_curl_easy_perform(transfer->easy);
        transfer->too_large |= is_too_large(transfer, c);
        if (c == CURLE_OUT_OF_MEMORY && !transfer->too_large)
                return -ENOMEM;
        if (c == CURLE_SSL_CACERT_BADFILE)
                return -EINVAL;
        snprintf(answer.text, sizeof(answer.text), "%s",
                 *transfer->error ? transfer->error
                 : c != CURLE_OK  ? sym_curl_easy_strerror(c)
                                  : "the connection was closed before the end of the headers");
        status = status_of(transfer->easy);
        if (has_responded(transfer, c, status)) {
                answer.outcome = HTTP_RESPONDED;
                answer.status = (int) status;
                answer.date_sec = date_of(transfer->easy);
                if (c == CURLE_OK)
                        read_tag(transfer, &answer);
        } else
                answer.outcome = outcome_of(c);
        *ret = answer;
        return 0;
}

int http_load(const char **ret_error)
{
        return libcurl_load(ret_error);
}

int http_get(const HttpRequest *request, HttpResponse *ret)
{
        _cleanup_(transfer_done) Transfer transfer = {
                .tls = strncmp(request->endpoint, "https://", 8) == 0,
        };
        CURLcode c;
        int r;

        if (!transfer.tls && strncmp(request->endpoint, "http://", 7) != 0)
                return -EINVAL;
        transfer.url = text_format("%s%s", request->endpoint, request->path);
        transfer.body_stream = open_memstream(&transfer.body, &transfer.body_len);
        transfer.easy = sym_curl_easy_init();
        if (!transfer.url || !transfer.body_stream || !transfer.easy)
                return -ENOMEM;
        r = add_header(&transfer, "Accept: application/json");
        if (r == 0 && request->key)
                r = add_bearer(&transfer, request->key);
        if (r < 0)
                return r;
        c = transfer_set_way(&transfer, request);
        if (c == CURLE_OK)
                c = transfer_set(&transfer, request->timeout_ms);
        if (c != CURLE_OK)
                return c == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
        return transfer_perform(&transfer, ret);
}

char *http_host(const char *endpoint)
{
        const char *host = strstr(endpoint, "://");

        host = host ? host + 3 : endpoint;
        if (*host == '[')
                return strndup(host + 1, strcspn(host + 1, "]"));
        return strndup(host, strcspn(host, ":/"));
}

char *http_escape(const char *segment)
{
        char *escaped = sym_curl_easy_escape(NULL, segment, 0), *copy;

        copy = escaped ? strdup(escaped) : NULL;
        sym_curl_free(escaped);
        return copy;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#include "build-config.h"
#include "daemon/api/http-transfer.h"
#include "daemon/api/wiping-allocator.h"

/* All header lines of a reply together, also interim ones. */
#define HEADERS_LEN_MAX (64U * 1024)

/* A peer that vanished without a word is found out by what it does not acknowledge. */
#define UNACKNOWLEDGED_MS 5000U
#define KEEPALIVE_IDLE_S  15L
#define KEEPALIVE_EVERY_S 5L

struct HttpTransfer {
        CURL *easy;
        struct curl_slist *headers;
        void *userdata;
        bool once;
        unsigned n_sent;
        uint64_t *n_heard;
        uint64_t n_heard_before; /* when the request was sent */
        size_t headers_len;
        bool headers_complete;
        char *body;
        size_t body_len;
        size_t body_size; /* allocated */
        size_t body_len_max;
        int error; /* why a function below made curl stop */
};

/*
 * Runs just before a request goes out. curl sends it again by itself when a connection that was
 * idle dies before the first byte of the reply; the peer may have acted on it all the same.
 */
static int on_send(void *userdata, char *peer_ip, char *local_ip, int peer_port, int local_port)
{
        HttpTransfer *transfer = userdata;

        if (transfer->once && transfer->n_sent > 0) {
                transfer->error = -EPROTO;
                return CURL_PREREQFUNC_ABORT;
        }
        transfer->n_sent++;
        transfer->n_heard_before = *transfer->n_heard;
        return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
        HttpTransfer *transfer = userdata;
        size_t len = size * n;

        *transfer->n_heard += len;
        transfer->headers_len += len;
        if (transfer->headers_len > HEADERS_LEN_MAX) {
                transfer->error = -EPROTO;
                return 0;
        }
        /* An empty line ends them, until an interim reply is followed by another status line. */
        if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
                transfer->headers_complete = false;
        else if (len <= 2)
                transfer->headers_complete = true;
        return len;
}

static int body_reserve(HttpTransfer *transfer, size_t len)
{
        size_t size = transfer->body_size ? transfer->body_size : 1024;
        char *body;

        while (size < len)
                size *= 2;
        if (size == transfer->body_size)
                return 0;
        body = wiping_realloc(transfer->body, size);
        if (!body)
                return -ENOMEM;
        transfer->body = body;
        transfer->body_size = size;
        return 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *userdata)
{
        HttpTransfer *transfer = userdata;
        size_t len = size * n;

        *transfer->n_heard += len;
        if (len > transfer->body_len_max - transfer->body_len) {
                transfer->error = -EMSGSIZE;
                return 0;
        }
        if (body_reserve(transfer, transfer->body_len + len + 1) < 0) {
                transfer->error = -ENOMEM;
                return 0;
        }
        memcpy(transfer->body + transfer->body_len, bytes, len);
        transfer->body_len += len;
        transfer->body[transfer->body_len] = '\0';
        return len;
}

static int on_socket(void *userdata, curl_socket_t fd, curlsocktype purpose)
{
        unsigned timeout_ms = UNACKNOWLEDGED_MS;

        /* Without it a dead peer is noticed later, but still noticed. */
        (void) setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
        return CURL_SOCKOPT_OK;
}

static int append_header(HttpTransfer *transfer, const char *line)
{
        struct curl_slist *headers = curl_slist_append(transfer->headers, line);

        if (!headers)
                return -ENOMEM;
        transfer->headers = headers;
        return 0;
}

static int append_bearer(HttpTransfer *transfer, const Secret *bearer)
{
        static const char format[] = "Authorization: Bearer %s";
        _cleanup_(wiping_freep) char *line = NULL;
        size_t size = sizeof(format) + secret_len(bearer);

        line = malloc(size);
        if (!line)
                return -ENOMEM;
        snprintf(line, size, format, secret_reveal(bearer));
        return append_header(transfer, line);
}

static int make_headers(HttpTransfer *transfer, const HttpRequest *request)
{
        int r;

        r = append_header(transfer, "Accept: application/json");
        if (r == 0)
                r = append_header(transfer, "Expect:"); /* no 100-continue: one round trip */
        if (r == 0 && request->body)
                r = append_header(transfer, "Content-Type: application/json");
        if (r == 0 && request->bearer)
                r = append_bearer(transfer, request->bearer);
        return r;
}

/* Sets an option unless an earlier one failed already. */
#define SET(c, easy, option, value) \
        do { \
                if ((c) == CURLE_OK) \
                        (c) = curl_easy_setopt((easy), (option), (value)); \
        } while (false)

static CURLcode set_functions(HttpTransfer *transfer)
{
        CURL *easy = transfer->easy;
        CURLcode c = CURLE_OK;

        SET(c, easy, CURLOPT_PRIVATE, transfer);
        SET(c, easy, CURLOPT_PREREQFUNCTION, on_send);
        SET(c, easy, CURLOPT_PREREQDATA, transfer);
        SET(c, easy, CURLOPT_HEADERFUNCTION, on_header);
        SET(c, easy, CURLOPT_HEADERDATA, transfer);
        SET(c, easy, CURLOPT_WRITEFUNCTION, on_body);
        SET(c, easy, CURLOPT_WRITEDATA, transfer);
        SET(c, easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
        return c;
}

static CURLcode set_connection(CURL *easy, const HttpTransferContext *context, bool https,
                               bool once)
{
        CURLcode c = CURLE_OK;

        SET(c, easy, CURLOPT_PROTOCOLS_STR, "http,https");
        SET(c, easy, CURLOPT_TCP_KEEPALIVE, 1L);
        SET(c, easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
        SET(c, easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
        /* A resolver thread that is stuck is left behind, not waited for. */
        SET(c, easy, CURLOPT_QUICK_EXIT, 1L);
        if (!https) {
                SET(c, easy, CURLOPT_PROXY, "");
                SET(c, easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
                return c;
        }
        SET(c, easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
        /* Rather share the connection that is being made than open another. */
        SET(c, easy, CURLOPT_PIPEWAIT, context->http1 ? 0L : 1L);
        /* Over HTTP/1.1 curl takes a connection that the peer ended with a TLS alert for a live
         * one, and then it would need a second try. */
        SET(c, easy, CURLOPT_FRESH_CONNECT, context->http1 && once ? 1L : 0L);
        SET(c, easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
        SET(c, easy, CURLOPT_SSL_VERIFYPEER, 1L);
        SET(c, easy, CURLOPT_SSL_VERIFYHOST, 2L);
        /* One file and no directory, so that curl can keep the parsed anchors. */
        SET(c, easy, CURLOPT_CAPATH, NULL);
        if (context->ca_file) {
                SET(c, easy, CURLOPT_CAINFO, context->ca_file);
                /* It is small, and may be replaced by another of the same name. */
                SET(c, easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
        }
        return c;
}

static CURLcode set_request(HttpTransfer *transfer, const HttpRequest *request)
{
        CURL *easy = transfer->easy;
        CURLcode c = CURLE_OK;

        SET(c, easy, CURLOPT_URL, request->url);
        SET(c, easy, CURLOPT_PATH_AS_IS, 1L);
        SET(c, easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
        SET(c, easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
        SET(c, easy, CURLOPT_FOLLOWLOCATION, 0L);
        SET(c, easy, CURLOPT_NOSIGNAL, 1L);
        SET(c, easy, CURLOPT_USERAGENT, "passlockd/" PACKAGE_VERSION);
        SET(c, easy, CURLOPT_HTTPHEADER, transfer->headers);
        /* A proxy gets none of these. */
        SET(c, easy, CURLOPT_HEADEROPT, (long) CURLHEADER_SEPARATE);
        SET(c, easy, CURLOPT_CUSTOMREQUEST, request->method);
        if (request->body) {
                SET(c, easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_len);
                SET(c, easy, CURLOPT_COPYPOSTFIELDS, request->body);
        }
        return c;
}

int http_transfer_new(const HttpRequest *request, const HttpTransferContext *context,
                      void *userdata, HttpTransfer **ret)
{
        _cleanup_(http_transfer_freep) HttpTransfer *transfer = NULL;
        bool https = strncmp(request->url, "https://", 8) == 0;
        CURLcode c;
        int r;

        if (!https && strncmp(request->url, "http://", 7) != 0)
                return -EINVAL;

        transfer = calloc(1, sizeof(HttpTransfer));
        if (!transfer)
                return -ENOMEM;
        transfer->userdata = userdata;
        transfer->once = request->once;
        transfer->n_heard = context->n_heard;
        transfer->body_len_max = request->reply_len_max;
        transfer->easy = curl_easy_init();
        if (!transfer->easy)
                return -ENOMEM;
        r = make_headers(transfer, request);
        if (r < 0)
                return r;

        c = set_functions(transfer);
        if (c == CURLE_OK)
                c = set_connection(transfer->easy, context, https, request->once);
        if (c == CURLE_OK)
                c = set_request(transfer, request);
        if (c != CURLE_OK)
                return c == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;

        *ret = TAKE_PTR(transfer);
        return 0;
}

HttpTransfer *http_transfer_free(HttpTransfer *transfer)
{
        if (!transfer)
                return NULL;
        curl_easy_cleanup(transfer->easy);
        curl_slist_free_all(transfer->headers);
        wiping_free(transfer->body);
        free(transfer);
        return NULL;
}

CURL *http_transfer_easy(HttpTransfer *transfer)
{
        return transfer->easy;
}

void *http_transfer_userdata(CURL *easy)
{
        HttpTransfer *transfer = NULL;

        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
        return transfer->userdata;
}

int http_transfer_result(const HttpTransfer *transfer, CURLcode code)
{
        if (code != CURLE_OK && transfer->error < 0)
                return transfer->error;

        switch (code) {
        case CURLE_OK:
                /* The end of the connection in the middle of the headers is fine with curl. */
                return transfer->headers_complete ? 0 : -EPROTO;
        case CURLE_OPERATION_TIMEDOUT:
                return -ETIMEDOUT;
        case CURLE_COULDNT_CONNECT:
                return -ECONNREFUSED;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
                return -EHOSTUNREACH;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
                return -EKEYREJECTED;
        case CURLE_OUT_OF_MEMORY:
                return -ENOMEM;
        case CURLE_UNSUPPORTED_PROTOCOL: /* a reply without a status line */
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_PARTIAL_FILE:
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
        case CURLE_BAD_CONTENT_ENCODING:
                return -EPROTO;
        default:
                return -EIO;
        }
}

/* Digits only: the form with a date would need two clocks to agree. */
static uint32_t retry_after_s(CURL *easy)
{
        struct curl_header *header = NULL;
        unsigned long value;
        size_t len;

        if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
                return 0;
        len = strspn(header->value, "0123456789");
        if (len == 0 || header->value[len] != '\0' || header->amount != 1)
                return 0;
        errno = 0;
        value = strtoul(header->value, NULL, 10);
        return errno == 0 && value <= UINT32_MAX ? (uint32_t) value : 0;
}

HttpReply http_transfer_reply(const HttpTransfer *transfer)
{
        HttpReply reply = {.body = transfer->body ? transfer->body : "",
                           .body_len = transfer->body_len};
        long status = 0;

        if (transfer->headers_complete) {
                curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
                reply.status = (unsigned) status;
                reply.retry_after_s = retry_after_s(transfer->easy);
        }
        return reply;
}

long http_transfer_version(const HttpTransfer *transfer)
{
        long version = CURL_HTTP_VERSION_NONE;

        curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
        return version;
}

bool http_transfer_is_ignored(const HttpTransfer *transfer)
{
        return transfer->n_sent > 0 && *transfer->n_heard == transfer->n_heard_before;
}

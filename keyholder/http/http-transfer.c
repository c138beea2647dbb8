/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/param.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wiping-allocator.h"
#include "keyholder/http/http-date.h"
#include "keyholder/http/http-refused-stream.h"
#include "keyholder/http/http-reply-buffer.h"
#include "keyholder/http/http-resource-shortage.h"
#include "keyholder/http/http-transfer.h"

/* TCP_USER_TIMEOUT: a dead peer does not acknowledge. */
#define UNACKNOWLEDGED_MS 5000U

/* Maximum of sends by curl's own retries. */
#define SENDS_MAX 3U

struct HttpTransfer {
        /* For all requests. */
        CURL *easy;
        HttpTransferCache *cache;
        HttpSettings settings;
        char *ca_file, *proxy_ca_file, *cert_file; /* of the settings */

        /* For the current request. */
        bool succeeded;
        struct curl_slist *headers;
        void *userdata;
        unsigned n_sent;
        uint64_t *n_received;
        uint64_t n_received_before; /* when the request was sent */
        HttpReplyBuffer reply_buffer;
        HttpDataFunc data; /* NULL: the body is buffered */
        void *data_userdata;
        int error;                        /* set by a callback that aborted the transfer */
        int shortage;                     /* errno of a failed socket() */
        unsigned n_allocations_failed;    /* at the start */
        char error_text[CURL_ERROR_SIZE]; /* curl's message since sending */
};

/* Whether the peer is guaranteed not to have processed the request. */
static bool was_not_processed(const HttpTransfer *transfer)
{
        return http_refused_stream_is_detectable() && transfer->reply_buffer.headers_len == 0 &&
               isempty(transfer->error_text);
}

/* CURLOPT_PREREQFUNCTION: runs before each send, curl's own retries included. */
static int on_send(void *userdata, char *peer_ip, char *local_ip, int peer_port, int local_port)
{
        HttpTransfer *transfer = userdata;

        if (transfer->n_sent >= SENDS_MAX ||
            (transfer->settings.once && transfer->n_sent > 0 && !was_not_processed(transfer))) {
                transfer->error = -EPROTO;
                return CURL_PREREQFUNC_ABORT;
        }
        transfer->n_sent++;
        transfer->n_received_before = *transfer->n_received;
        transfer->error_text[0] = '\0';
        return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
        HttpTransfer *transfer = userdata;
        size_t len = size * n;

        *transfer->n_received += len;
        transfer->error = http_reply_buffer_add_header(&transfer->reply_buffer, line, len);
        return transfer->error == 0 ? len : 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *userdata)
{
        HttpTransfer *transfer = userdata;
        size_t len = size * n;

        if (transfer->data && !transfer->data(bytes, len, transfer->data_userdata))
                return CURL_WRITEFUNC_PAUSE;
        *transfer->n_received += len;
        if (transfer->data)
                return len;
        transfer->error = http_reply_buffer_add_body(&transfer->reply_buffer, bytes, len);
        return transfer->error == 0 ? len : 0;
}

static curl_socket_t on_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
        HttpTransfer *transfer = userdata;
        int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
        int shortage = fd < 0 ? http_resource_shortage_from_errno(-errno) : 0;

        if (shortage < 0)
                transfer->shortage = shortage;
        return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_socket(void *userdata, curl_socket_t fd, curlsocktype purpose)
{
        unsigned timeout_ms = UNACKNOWLEDGED_MS;

        /* Best effort: without it, a dead peer is detected later. */
        (void) setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
        return CURL_SOCKOPT_OK;
}

static CURLcode set_functions(HttpTransfer *transfer)
{
        CURL *easy = transfer->easy;
        CURLcode c = CURLE_OK;

        HTTP_SET(c, easy, CURLOPT_PRIVATE, transfer);
        HTTP_SET(c, easy, CURLOPT_PREREQFUNCTION, on_send);
        HTTP_SET(c, easy, CURLOPT_PREREQDATA, transfer);
        HTTP_SET(c, easy, CURLOPT_HEADERFUNCTION, on_header);
        HTTP_SET(c, easy, CURLOPT_HEADERDATA, transfer);
        HTTP_SET(c, easy, CURLOPT_WRITEFUNCTION, on_body);
        HTTP_SET(c, easy, CURLOPT_WRITEDATA, transfer);
        HTTP_SET(c, easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
        HTTP_SET(c, easy, CURLOPT_OPENSOCKETDATA, transfer);
        HTTP_SET(c, easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
        HTTP_SET(c, easy, CURLOPT_ERRORBUFFER, transfer->error_text);
        return c;
}

/* Cache */

void http_transfer_destroy(HttpTransfer *transfer)
{
        curl_easy_cleanup(transfer->easy);
        curl_slist_free_all(transfer->headers);
        http_reply_buffer_clear(&transfer->reply_buffer);
        free(transfer->ca_file);
        free(transfer->proxy_ca_file);
        free(transfer->cert_file);
        free(transfer);
}

/* curl keeps some results of a failed transfer in its handle. */
static bool is_reusable(const HttpTransfer *transfer)
{
        return transfer->easy && transfer->succeeded;
}

HttpTransfer *http_transfer_free(HttpTransfer *transfer)
{
        HttpTransferCache *cache;

        if (!transfer)
                return NULL;
        cache = transfer->cache;
        if (is_reusable(transfer)) {
                http_options_clear_request(transfer->easy);
                curl_slist_free_all(TAKE_PTR(transfer->headers));
                http_reply_buffer_clear(&transfer->reply_buffer);
                http_transfer_cache_give(cache, transfer);
        } else {
                http_transfer_destroy(transfer);
        }
        http_transfer_cache_unref(cache);
        return NULL;
}

static bool matches(const HttpTransfer *transfer, const void *wanted)
{
        const HttpSettings *have = &transfer->settings, *want = wanted;

        return have->https == want->https && have->once == want->once &&
               streq_ptr(have->ca_file, want->ca_file) &&
               streq_ptr(have->proxy_ca_file, want->proxy_ca_file) &&
               streq_ptr(have->cert_file, want->cert_file) && have->cert_key == want->cert_key;
}

static int copy_settings(HttpTransfer *transfer, const HttpSettings *settings)
{
        transfer->ca_file = settings->ca_file ? strdup(settings->ca_file) : NULL;
        transfer->proxy_ca_file = settings->proxy_ca_file ? strdup(settings->proxy_ca_file) : NULL;
        transfer->cert_file = settings->cert_file ? strdup(settings->cert_file) : NULL;
        if (!transfer->ca_file != !settings->ca_file ||
            !transfer->proxy_ca_file != !settings->proxy_ca_file ||
            !transfer->cert_file != !settings->cert_file)
                return -ENOMEM;
        transfer->settings = *settings;
        transfer->settings.ca_file = transfer->ca_file;
        transfer->settings.proxy_ca_file = transfer->proxy_ca_file;
        transfer->settings.cert_file = transfer->cert_file;
        return 0;
}

static int make(HttpTransfer *transfer, const HttpSettings *settings)
{
        int r;

        r = copy_settings(transfer, settings);
        if (r < 0)
                return r;
        transfer->easy = curl_easy_init();
        if (!transfer->easy)
                return -ENOMEM;
        r = http_options_set(transfer->easy, settings);
        if (r < 0)
                return r;
        if (set_functions(transfer) != CURLE_OK)
                return -ENOMEM;
        if (settings->once)
                http_refused_stream_detect(transfer->easy);
        return 0;
}

/* Takes one from the cache, or makes one. */
static int get(HttpTransferCache *cache, const HttpSettings *settings, HttpTransfer **ret)
{
        HttpTransfer *transfer = http_transfer_cache_take(cache, matches, settings);
        int r;

        if (!transfer) {
                transfer = calloc(1, sizeof(HttpTransfer));
                if (!transfer)
                        return -ENOMEM;
                r = make(transfer, settings);
                if (r < 0) {
                        http_transfer_destroy(transfer);
                        return r;
                }
        }
        transfer->cache = http_transfer_cache_ref(cache);
        *ret = transfer;
        return 0;
}

/* Requests */

static void begin(HttpTransfer *transfer, const HttpRequest *request, uint64_t *n_received,
                  void *userdata)
{
        transfer->userdata = userdata;
        transfer->succeeded = false;
        transfer->n_sent = 0;
        transfer->n_received = n_received;
        transfer->n_received_before = 0;
        transfer->reply_buffer = (HttpReplyBuffer){.body_len_max = request->reply_len_max};
        transfer->data = NULL;
        transfer->error = 0;
        transfer->shortage = 0;
        transfer->n_allocations_failed = allocations_failed();
        transfer->error_text[0] = '\0';
}

int http_transfer_new(HttpTransferCache *cache, const HttpRequest *request,
                      const HttpOptions *options, uint64_t *n_received, void *userdata,
                      HttpTransfer **ret)
{
        const HttpSettings settings = {.https = strncmp(request->url, "https://", 8) == 0,
                                       .once = request->once,
                                       .ca_file = options->ca_file,
                                       .proxy_ca_file = options->proxy_ca_file,
                                       .cert_file = options->cert_file,
                                       .cert_key = options->cert_key};
        _cleanup_(http_transfer_freep) HttpTransfer *transfer = NULL;
        int r;

        if (!settings.https && strncmp(request->url, "http://", 7) != 0)
                return -EINVAL;
        r = get(cache, &settings, &transfer);
        if (r < 0)
                return r;
        begin(transfer, request, n_received, userdata);
        r = http_options_set_request(transfer->easy, request, options->http1, &transfer->headers);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(transfer);
        return 0;
}

void http_transfer_set_data(HttpTransfer *transfer, HttpDataFunc data, void *userdata)
{
        transfer->data = data;
        transfer->data_userdata = userdata;
}

void http_transfer_resume(HttpTransfer *transfer)
{
        /* A failure ends the transfer. */
        (void) curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
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

/* A TLS alert about the client certificate, or that one is required. With TLS 1.3 it arrives after
 * the handshake, and curl reports it like any failure to receive; if curl fails to send the request
 * before, the alert is lost. */
static bool was_certificate_refused(const HttpTransfer *transfer)
{
        const char *alert = strstr(transfer->error_text, " alert ");

        return alert && (strstr(alert, "certificate") || strstr(alert, "unknown ca"));
}

/* curl has one code for an unreadable certificate and for a key that does not match it. */
static int result_of_certificate(const HttpTransfer *transfer)
{
        return strstr(transfer->error_text, "private key") ? -EKEYREJECTED : -ENOENT;
}

static int result_of_code(const HttpTransfer *transfer, CURLcode code)
{
        switch ((int) code) {
        case CURLE_OPERATION_TIMEDOUT:
                return -ETIMEDOUT;
        case CURLE_COULDNT_CONNECT:
                return -ECONNREFUSED;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
                return -EHOSTUNREACH;
        case CURLE_SSL_CACERT_BADFILE:
                return -ENOENT;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
        case CURLE_SSL_CLIENTCERT:
                return -EKEYREJECTED;
        case CURLE_SSL_CERTPROBLEM:
                return result_of_certificate(transfer);
        case CURLE_OUT_OF_MEMORY:
                /* No allocation failed: a header line exceeds curl's limit. */
                return transfer->n_sent > 0 ? -EBADMSG : -ENOMEM;
        case 100: /* CURLE_TOO_LARGE, since libcurl 8.6 */
                return -EBADMSG;
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
                return was_certificate_refused(transfer) ? -EKEYREJECTED : -EPROTO;
        default:
                return -EIO;
        }
}

/* The resource shortage that caused a failure, or 0. */
static int find_shortage(const HttpTransfer *transfer, int r)
{
        long os_error = 0;

        /* Out of memory, curl may return any code. */
        if (allocations_failed() != transfer->n_allocations_failed)
                return -ENOMEM;
        if (transfer->n_sent > 0)
                return 0;
        if (transfer->shortage < 0)
                return transfer->shortage;
        if (r == -ECONNREFUSED) {
                curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &os_error);
                return http_resource_shortage_from_errno((int) -os_error);
        }
        return r == -EHOSTUNREACH || r == -ENOENT ? http_resource_shortage_probe() : 0;
}

int http_transfer_end(HttpTransfer *transfer, CURLcode code)
{
        int r, shortage;

        if (code != CURLE_OK && transfer->error < 0)
                return log_errno_origin(transfer->error);
        if (code == CURLE_OK) {
                /* curl accepts a connection that ends within the headers. */
                transfer->succeeded = transfer->reply_buffer.headers_complete;
                return transfer->succeeded ? 0 : log_errno_origin(-EPROTO);
        }
        r = log_errno_origin(result_of_code(transfer, code));
        shortage = find_shortage(transfer, r);
        return shortage < 0 ? log_errno_origin(shortage) : r;
}

/* A header's value, lent; NULL if missing or repeated. */
static const char *get_header(CURL *easy, const char *name)
{
        struct curl_header *header = NULL;

        if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
                return NULL;
        return header->amount == 1 ? header->value : NULL;
}

/* The longest wait of all Retry-After headers, with dates relative to `now_ms`; 0: none. */
static uint32_t get_retry_after_s(CURL *easy, uint64_t now_ms)
{
        struct curl_header *header;
        uint32_t longest_s = 0;

        for (size_t i = 0;
             curl_easy_header(easy, "Retry-After", i, CURLH_HEADER, -1, &header) == CURLHE_OK;
             i++) {
                uint32_t wait_s = http_retry_after_s(header->value, now_ms);

                if (wait_s > longest_s)
                        longest_s = wait_s;
        }
        return longest_s;
}

static unsigned get_status(CURL *easy)
{
        long status = 0;

        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        return (unsigned) status;
}

static uint32_t get_connect_us(CURL *easy)
{
        curl_off_t connected_us = 0, secured_us = 0;
        long n_connects = 0;

        curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &n_connects);
        curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected_us);
        curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &secured_us);
        /* Without TLS, there is no second time. */
        return n_connects > 0 ? (uint32_t) MIN(MAX(connected_us, secured_us), UINT32_MAX) : 0;
}

HttpReply http_transfer_reply(const HttpTransfer *transfer, int r)
{
        const HttpReplyBuffer *reply_buffer = &transfer->reply_buffer;
        HttpReply reply = {.body = reply_buffer->body ? reply_buffer->body : "",
                           .body_len = reply_buffer->body_len};
        const char *date;

        if (reply_buffer->headers_complete || r == -EBADMSG)
                reply.status = get_status(transfer->easy);
        if (!reply_buffer->headers_complete)
                return reply;
        reply.connect_us = get_connect_us(transfer->easy);
        date = get_header(transfer->easy, "Date");
        reply.date_ms = date ? http_date_ms(date) : 0;
        reply.retry_after_s = get_retry_after_s(transfer->easy, reply.date_ms ?: realtime_ms());
        return reply;
}

long http_transfer_version(const HttpTransfer *transfer)
{
        long version = CURL_HTTP_VERSION_NONE;

        if (transfer->reply_buffer.headers_len > 0)
                curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
        return version;
}

bool http_transfer_has_headers(const HttpTransfer *transfer)
{
        return transfer->reply_buffer.headers_complete && get_status(transfer->easy) >= 200;
}

bool http_transfer_received_nothing(const HttpTransfer *transfer)
{
        return transfer->n_sent > 0 && *transfer->n_received == transfer->n_received_before;
}

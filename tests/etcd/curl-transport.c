/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "tests/etcd/curl-transport.h"

#define STREAM_BUFFER_MAX (64U << 20)

static const char *const paths[ETCD_PATH_MAX] = {
        [ETCD_KV_RANGE] = "/v3/kv/range",
        [ETCD_KV_TXN] = "/v3/kv/txn",
        [ETCD_WATCH] = "/v3/watch",
        [ETCD_LEASE_GRANT] = "/v3/lease/grant",
        [ETCD_LEASE_KEEPALIVE] = "/v3/lease/keepalive",
        [ETCD_LEASE_REVOKE] = "/v3/lease/revoke",
        [ETCD_MAINTENANCE_STATUS] = "/v3/maintenance/status",
        [ETCD_MAINTENANCE_ALARM] = "/v3/maintenance/alarm",
        [ETCD_MEMBER_LIST] = "/v3/cluster/member/list",
};

struct CurlTransport {
        EtcdTransport transport;
        sd_event *event;
        sd_event_source *timer;
        CURLM *multi;
        uint16_t ports[CURL_ENDPOINTS_MAX];
        unsigned n_ports;
        EtcdExchange *exchanges;
};

/* A callback of curl must not remove its handle, so data is delivered after curl has returned. */
struct EtcdExchange {
        CurlTransport *transport;
        EtcdExchange *next;
        CURL *easy;
        struct curl_slist *headers;
        char *received;
        size_t received_len, len_max;
        bool is_too_long;
        uint64_t headers_until_ms; /* of a stream */
        EtcdDataFunc data;
        EtcdReplyFunc reply;
        void *userdata;
};

static void cancel(EtcdExchange *exchange)
{
        EtcdExchange **at = &exchange->transport->exchanges;

        while (*at != exchange)
                at = &(*at)->next;
        *at = exchange->next;
        curl_multi_remove_handle(exchange->transport->multi, exchange->easy);
        curl_easy_cleanup(exchange->easy);
        curl_slist_free_all(exchange->headers);
        free(exchange->received);
        free(exchange);
}

static size_t on_write(char *data, size_t size, size_t n, void *userdata)
{
        EtcdExchange *exchange = userdata;

        if (exchange->received_len + n > exchange->len_max) {
                exchange->is_too_long = true;
                return 0;
        }
        exchange->received = realloc(exchange->received, exchange->received_len + n + 1);
        assert(exchange->received);
        memcpy(exchange->received + exchange->received_len, data, n);
        exchange->received_len += n;
        return n;
}

static int errno_of(const EtcdExchange *exchange, CURLcode code)
{
        if (exchange->is_too_long)
                return -EMSGSIZE;
        switch (code) {
        case CURLE_OK:
                return 0;
        case CURLE_OPERATION_TIMEDOUT:
                return -ETIMEDOUT;
        case CURLE_COULDNT_CONNECT:
                return -ECONNREFUSED;
        case CURLE_OUT_OF_MEMORY:
                return -ENOMEM;
        default:
                return -EPROTO;
        }
}

static void end(EtcdExchange *exchange, int r)
{
        EtcdReplyFunc reply = exchange->reply;
        void *userdata = exchange->userdata;
        _cleanup_(freep) char *body = TAKE_PTR(exchange->received);
        bool is_stream = exchange->data;
        long status = 0;

        curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
        r = r == 0 && status == 0 ? -EPROTO : r;
        size_t len = exchange->received_len;
        cancel(exchange);
        reply(r, (unsigned) status, is_stream ? NULL : body ?: "", is_stream ? 0 : len, userdata);
}

/* Returns whether anything was delivered: then the list has perhaps changed. */
static bool deliver_data(CurlTransport *transport)
{
        for (EtcdExchange *e = transport->exchanges; e; e = e->next) {
                _cleanup_(freep) char *data = NULL;
                size_t len = e->received_len;

                if (!e->data || len == 0)
                        continue;
                data = TAKE_PTR(e->received);
                e->received_len = 0;
                e->data(data, len, e->userdata);
                return true;
        }
        return false;
}

static void act(CurlTransport *transport, curl_socket_t fd, int events)
{
        CURLMsg *message;
        int n;

        (void) curl_multi_socket_action(transport->multi, fd, events, &n);
        do {
                while (deliver_data(transport))
                        ;
                message = curl_multi_info_read(transport->multi, &n);
                if (message && message->msg == CURLMSG_DONE) {
                        EtcdExchange *exchange = NULL;

                        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
                        end(exchange, errno_of(exchange, message->data.result));
                }
        } while (message);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        int events = 0;

        if (revents & EPOLLIN)
                events |= CURL_CSELECT_IN;
        if (revents & EPOLLOUT)
                events |= CURL_CSELECT_OUT;
        if (revents & (EPOLLERR | EPOLLHUP))
                events |= CURL_CSELECT_ERR;
        act(userdata, fd, events);
        return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_userdata)
{
        CurlTransport *transport = userdata;
        sd_event_source *source = socket_userdata;
        uint32_t events =
                (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);

        if (what == CURL_POLL_REMOVE) {
                sd_event_source_disable_unref(source);
        } else if (source) {
                assert(sd_event_source_set_io_events(source, events) >= 0);
        } else {
                assert(sd_event_add_io(transport->event, &source, fd, events, on_io, transport) >=
                       0);
                curl_multi_assign(transport->multi, fd, source);
        }
        return 0;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *userdata)
{
        CurlTransport *transport = userdata;

        if (timeout_ms < 0)
                return sd_event_source_set_enabled(transport->timer, SD_EVENT_OFF);
        sd_event_source_set_time(transport->timer, (monotonic_ms() + (uint64_t) timeout_ms) * 1000);
        return sd_event_source_set_enabled(transport->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        act(userdata, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

/* Aborts a stream that has no headers in time. */
static int on_progress(void *userdata, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
        const EtcdExchange *exchange = userdata;
        long status = 0;

        curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
        return status == 0 && monotonic_ms() > exchange->headers_until_ms;
}

static void set_options(EtcdExchange *exchange, const EtcdRequest *request)
{
        CURL *easy = exchange->easy;
        char url[128];

        snprintf(url, sizeof(url), "http://127.0.0.1:%u%s",
                 exchange->transport->ports[request->endpoint], paths[request->path]);
        if (request->require_leader)
                exchange->headers = curl_slist_append(NULL, "Grpc-Metadata-hasleader: true");
        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long) request->body_len);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
        curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        /* curl would repeat a request whose reused connection has ended. */
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->path == ETCD_KV_TXN ? 1L : 0L);
        if (exchange->data) {
                curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
                curl_easy_setopt(easy, CURLOPT_XFERINFODATA, exchange);
                curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
        } else {
                curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) request->timeout_ms);
        }
}

static int start(void *userdata, const EtcdRequest *request, EtcdDataFunc data, EtcdReplyFunc reply,
                 void *func_userdata, EtcdExchange **ret)
{
        CurlTransport *transport = userdata;
        EtcdExchange *exchange = calloc(1, sizeof(EtcdExchange));

        assert(exchange && request->endpoint < transport->n_ports);
        exchange->transport = transport;
        exchange->easy = curl_easy_init();
        assert(exchange->easy);
        exchange->data = data;
        exchange->reply = reply;
        exchange->userdata = func_userdata;
        exchange->len_max = data ? STREAM_BUFFER_MAX : request->reply_len_max;
        exchange->headers_until_ms = monotonic_ms() + request->timeout_ms;
        exchange->next = transport->exchanges;
        transport->exchanges = exchange;
        set_options(exchange, request);
        assert(curl_multi_add_handle(transport->multi, exchange->easy) == CURLM_OK);
        *ret = exchange;
        return 0;
}

static unsigned n_endpoints(void *userdata)
{
        return ((CurlTransport *) userdata)->n_ports;
}

CurlTransport *curl_transport_new(sd_event *event, const uint16_t *ports, unsigned n_ports)
{
        CurlTransport *transport = calloc(1, sizeof(CurlTransport));

        assert(transport && n_ports <= CURL_ENDPOINTS_MAX);
        transport->event = sd_event_ref(event);
        transport->transport = (EtcdTransport){n_endpoints, start, cancel, transport};
        memcpy(transport->ports, ports, n_ports * sizeof(uint16_t));
        transport->n_ports = n_ports;
        assert(sd_event_add_time(event, &transport->timer, CLOCK_MONOTONIC, 0, 1000, on_timer,
                                 transport) >= 0);
        sd_event_source_set_enabled(transport->timer, SD_EVENT_OFF);
        transport->multi = curl_multi_init();
        assert(transport->multi);
        curl_multi_setopt(transport->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(transport->multi, CURLMOPT_SOCKETDATA, transport);
        curl_multi_setopt(transport->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
        curl_multi_setopt(transport->multi, CURLMOPT_TIMERDATA, transport);
        return transport;
}

CurlTransport *curl_transport_free(CurlTransport *transport)
{
        if (!transport)
                return NULL;
        assert(!transport->exchanges);
        curl_multi_cleanup(transport->multi);
        sd_event_source_disable_unref(transport->timer);
        sd_event_unref(transport->event);
        free(transport);
        return NULL;
}

const EtcdTransport *curl_transport_get(const CurlTransport *transport)
{
        return &transport->transport;
}

static size_t discard(char *data, size_t size, size_t n, void *userdata)
{
        return n;
}

unsigned curl_transport_post(uint16_t port, const char *path, const char *body)
{
        CURL *easy = curl_easy_init();
        char url[128];
        long status = 0;

        assert(easy);
        snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30000L);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
        if (curl_easy_perform(easy) == CURLE_OK)
                curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_cleanup(easy);
        return (unsigned) status;
}

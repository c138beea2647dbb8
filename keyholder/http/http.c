/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/wiping-allocator.h"
#include "keyholder/http/http-connection-pool.h"
#include "keyholder/http/http-resource-shortage.h"
#include "keyholder/http/http-transfer.h"
#include "keyholder/http/http.h"

/*
 * A call ends in two steps, so that callbacks run without curl or this file on the stack, and may
 * free anything. In curl's event, its result is stored and it leaves its pool. It then waits in
 * `ended` until the event loop runs on_calls_ended().
 */
struct HttpCall {
        HttpClient *client;
        HttpConnectionPool *pool; /* NULL: ended */
        HttpTransfer *transfer;
        sd_event_source *deadline;
        bool is_stream;
        HttpFunc func;
        void *userdata;
        int result;
        TAILQ_ENTRY(HttpCall) entry;
};

TAILQ_HEAD(HttpCallQueue, HttpCall);

struct HttpClient {
        sd_event *event;
        HttpTrustFiles files;
        Secret *cert_key; /* of the client certificate; NULL: none */
        bool http1;       /* the peer's last protocol version */
        HttpConnectionPoolList pools;
        HttpConnectionPool *current; /* for new calls; NULL: none */
        struct HttpCallQueue running;
        struct HttpCallQueue ended;
        sd_event_source *ended_source;
        bool *is_freed; /* while callbacks run */
};

bool http_is_resource_shortage(int r)
{
        return http_resource_shortage_from_errno(r) == r && r < 0;
}

/* Enough that hanging calls do not block others. */
#define HTTP1_CONNECTIONS_MAX 64L
/* Streams over all connections; a peer may allow fewer. */
#define HTTP2_STREAMS_MAX 1024U
/* Usually one is used. More if the peer limits streams, or drains a connection (GOAWAY) on which
 * calls hang. */
#define HTTP2_CONNECTIONS_MAX 4L

/* Callbacks per event, so that other event sources get their turn. */
#define ENDS_MAX 16U

static void on_transfer_ended(CURL *easy, CURLcode code, void *userdata);
static void on_multi_error(HttpMulti *multi, int r, void *userdata);

static long connections_max(const HttpClient *client)
{
        return client->http1 ? HTTP1_CONNECTIONS_MAX : HTTP2_CONNECTIONS_MAX;
}

static int client_add_pool(HttpClient *client, HttpConnectionPool **ret)
{
        int r;

        r = http_connection_pool_new(client->event, &client->files, on_transfer_ended,
                                     on_multi_error, client, ret);
        if (r < 0)
                return r;
        http_multi_set_host_connections((*ret)->multi, connections_max(client));
        TAILQ_INSERT_TAIL(&client->pools, *ret, entry);
        return 0;
}

static int client_get_pool(HttpClient *client, bool tls, HttpConnectionPool **ret)
{
        int r;

        if (client->current &&
            !http_connection_pool_is_usable(client->current, &client->files, tls))
                client->current = NULL;
        if (!client->current) {
                r = client_add_pool(client, &client->current);
                if (r < 0)
                        return r;
        }
        *ret = client->current;
        return 0;
}

/* HTTP/1.1 needs a connection per concurrent call. */
unsigned http_client_slots(const HttpClient *client)
{
        return client->http1 ? (unsigned) HTTP1_CONNECTIONS_MAX : HTTP2_STREAMS_MAX;
}

static void client_set_http1(HttpClient *client, bool http1)
{
        if (client->http1 == http1)
                return;
        client->http1 = http1;
        if (client->current)
                http_multi_set_host_connections(client->current->multi, connections_max(client));
}

static void call_leave_pool(HttpCall *call)
{
        assert(call->pool && call->pool->n_calls > 0);
        http_multi_remove(call->pool->multi, http_transfer_easy(call->transfer));
        call->pool->n_calls--;
        call->pool = NULL;
        call->deadline = sd_event_source_disable_unref(call->deadline);
}

static HttpCall *call_free(HttpCall *call)
{
        if (!call)
                return NULL;
        if (call->pool)
                call_leave_pool(call);
        sd_event_source_disable_unref(call->deadline);
        http_transfer_free(call->transfer);
        free(call);
        return NULL;
}
DEFINE_CLEANUP(HttpCall *, call_free);

static void call_end(HttpCall *call, int result)
{
        HttpClient *client = call->client;
        long version = http_transfer_version(call->transfer);

        if (version != CURL_HTTP_VERSION_NONE)
                client_set_http1(client, version < CURL_HTTP_VERSION_2_0);
        call->result = result;
        call_leave_pool(call);
        TAILQ_REMOVE(&client->running, call, entry);
        TAILQ_INSERT_TAIL(&client->ended, call, entry);
        sd_event_source_set_enabled(client->ended_source, SD_EVENT_ON);
}

/* Maps an errno of sd-event to a shortage or -EIO. */
static int errno_of_multi_error(int r)
{
        return http_resource_shortage_from_errno(r) ?: -EIO;
}

static void on_transfer_ended(CURL *easy, CURLcode code, void *userdata)
{
        HttpCall *call = http_transfer_userdata(easy);
        int r = http_transfer_end(call->transfer, code);
        int error = http_multi_error(call->pool->multi);

        /* After an event loop failure, curl's code is meaningless. */
        if (code != CURLE_OK && error < 0)
                r = errno_of_multi_error(error);
        if (http_is_resource_shortage(r) && call->client->current == call->pool)
                call->client->current = NULL;
        call_end(call, r);
}

static void on_multi_error(HttpMulti *multi, int r, void *userdata)
{
        HttpClient *client = userdata;
        HttpCall *call = TAILQ_FIRST(&client->running);

        while (call) {
                HttpCall *next = TAILQ_NEXT(call, entry);

                if (call->pool->multi == multi)
                        call_end(call, errno_of_multi_error(r));
                call = next;
        }
}

/* curl's timeout does not apply while a call waits for a connection. */
static int on_call_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        HttpCall *call = userdata;
        HttpClient *client = call->client;

        if (call->is_stream && http_transfer_has_headers(call->transfer))
                return 0;
        if (client->current == call->pool && http_transfer_received_nothing(call->transfer))
                client->current = NULL;
        call_end(call, -ETIMEDOUT);
        return 0;
}

/* The callback may free the client. */
static void report_end(HttpClient *client)
{
        _cleanup_(call_freep) HttpCall *call = TAILQ_FIRST(&client->ended);
        HttpReply reply = http_transfer_reply(call->transfer, call->result);

        TAILQ_REMOVE(&client->ended, call, entry);
        call->func(call->result, &reply, call->userdata);
}

static int on_calls_ended(sd_event_source *source, void *userdata)
{
        HttpClient *client = userdata;
        bool is_freed = false;

        client->is_freed = &is_freed;
        for (unsigned i = 0; i < ENDS_MAX && !TAILQ_EMPTY(&client->ended); i++) {
                report_end(client);
                if (is_freed)
                        return 0;
        }
        client->is_freed = NULL;
        http_connection_pool_list_free_idle(&client->pools, client->current);
        if (!TAILQ_EMPTY(&client->ended))
                return 0;
        return log_errno_origin(sd_event_source_set_enabled(source, SD_EVENT_OFF));
}

/* curl's allocations hold copies of headers and bodies. */
static int initialise_curl(void)
{
        static bool initialised = false;

        if (initialised)
                return 0;
        if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, counted_malloc, wiping_free, wiping_realloc,
                                 counted_strdup, counted_calloc) != CURLE_OK)
                return -ENOMEM;
        if (!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS)) {
                log_error("libcurl lacks an asynchronous resolver; install a build with AsynchDNS");
                return -EOPNOTSUPP;
        }
        initialised = true;
        return 0;
}

int http_client_new(sd_event *event, const char *ca_file, HttpClient **ret)
{
        _cleanup_(http_client_freep) HttpClient *client = NULL;
        int r;

        r = initialise_curl();
        if (r < 0)
                return r;

        client = calloc(1, sizeof(HttpClient));
        if (!client)
                return -ENOMEM;
        TAILQ_INIT(&client->pools);
        TAILQ_INIT(&client->running);
        TAILQ_INIT(&client->ended);
        client->event = sd_event_ref(event);
        client->files.ca_file = ca_file ? strdup(ca_file) : NULL;
        if (ca_file && !client->files.ca_file)
                return -ENOMEM;
        r = log_errno_origin(
                sd_event_add_defer(event, &client->ended_source, on_calls_ended, client));
        if (r < 0)
                return r;
        r = log_errno_origin(sd_event_source_set_enabled(client->ended_source, SD_EVENT_OFF));
        if (r < 0)
                return r;

        *ret = TAKE_PTR(client);
        return 0;
}

int http_client_set_certificate(HttpClient *client, const char *cert_file, Secret *key)
{
        char *copy = strdup(cert_file);

        if (!copy)
                return -ENOMEM;
        free(client->files.cert_file);
        client->files.cert_file = copy;
        secret_unref(client->cert_key);
        client->cert_key = secret_ref(key);
        client->current = NULL;
        return 0;
}

static void free_calls(struct HttpCallQueue *queue)
{
        HttpCall *call;

        while ((call = TAILQ_FIRST(queue))) {
                TAILQ_REMOVE(queue, call, entry);
                call_free(call);
        }
}

HttpClient *http_client_free(HttpClient *client)
{
        if (!client)
                return NULL;
        free_calls(&client->running);
        free_calls(&client->ended);
        client->current = NULL;
        http_connection_pool_list_free_idle(&client->pools, client->current);
        if (client->is_freed)
                *client->is_freed = true;
        sd_event_source_disable_unref(client->ended_source);
        sd_event_unref(client->event);
        free(client->files.ca_file);
        free(client->files.cert_file);
        secret_unref(client->cert_key);
        free(client);
        return NULL;
}

static int http_call_new(HttpClient *client, HttpConnectionPool *pool, const HttpRequest *request,
                         HttpCall **ret)
{
        _cleanup_(call_freep) HttpCall *call = calloc(1, sizeof(HttpCall));
        const HttpOptions options = {
                .ca_file = http_trust_path(&pool->trust, client->files.ca_file),
                .proxy_ca_file = http_trust_path(&pool->proxy, NULL),
                .cert_file = client->files.cert_file
                                     ? http_trust_path(&pool->certificate, client->files.cert_file)
                                     : NULL,
                .cert_key = client->cert_key,
                .http1 = client->http1,
        };
        int r;

        if (!call)
                return -ENOMEM;
        call->client = client;
        r = http_transfer_new(pool->transfers, request, &options, &pool->n_received, call,
                              &call->transfer);
        if (r < 0)
                return r;
        r = log_errno_origin(sd_event_add_time_relative(client->event, &call->deadline,
                                                        CLOCK_MONOTONIC, request->timeout_ms * 1000,
                                                        1000, on_call_deadline, call));
        if (r < 0)
                return r;

        *ret = TAKE_PTR(call);
        return 0;
}

static int call_start(HttpClient *client, HttpConnectionPool *pool, const HttpRequest *request,
                      HttpDataFunc data, HttpFunc func, void *userdata, HttpCall **ret)
{
        _cleanup_(call_freep) HttpCall *call = NULL;
        int r;

        r = http_call_new(client, pool, request, &call);
        if (r < 0)
                return r;
        call->func = func;
        call->userdata = userdata;
        call->is_stream = data != NULL;
        http_transfer_set_data(call->transfer, data, userdata);
        r = http_multi_add(pool->multi, http_transfer_easy(call->transfer));
        if (r < 0)
                return r;
        call->pool = pool;
        pool->n_calls++;
        TAILQ_INSERT_TAIL(&client->running, call, entry);

        *ret = TAKE_PTR(call);
        return 0;
}

static bool is_tls(const HttpRequest *request)
{
        return strncmp(request->url, "http://", 7) != 0;
}

static int check_request(HttpClient *client, const HttpRequest *request)
{
        if (request->timeout_ms == 0 || request->timeout_ms > UINT32_MAX)
                return -EINVAL;
        if (!is_tls(request))
                client_set_http1(client, true);
        return 0;
}

int http_call_start(HttpClient *client, const HttpRequest *request, HttpFunc func, void *userdata,
                    HttpCall **ret)
{
        HttpConnectionPool *pool = NULL; /* for gcc */
        int r;

        r = check_request(client, request);
        if (r == 0)
                r = client_get_pool(client, is_tls(request), &pool);
        return r < 0 ? r : call_start(client, pool, request, NULL, func, userdata, ret);
}

/* A pool without calls is freed. */
static void schedule_cleanup(HttpClient *client)
{
        (void) sd_event_source_set_enabled(client->ended_source, SD_EVENT_ON);
}

int http_stream_start(HttpClient *client, const HttpRequest *request, HttpDataFunc data,
                      HttpFunc func, void *userdata, HttpCall **ret)
{
        HttpConnectionPool *pool;
        int r;

        r = check_request(client, request);
        if (r == 0)
                r = client_add_pool(client, &pool);
        if (r < 0)
                return r;
        r = call_start(client, pool, request, data, func, userdata, ret);
        if (r < 0)
                schedule_cleanup(client);
        return r;
}

void http_stream_resume(HttpCall *call)
{
        if (call->pool)
                http_transfer_resume(call->transfer);
}

HttpCall *http_call_cancel(HttpCall *call)
{
        if (!call)
                return NULL;
        if (call->pool)
                TAILQ_REMOVE(&call->client->running, call, entry);
        else
                TAILQ_REMOVE(&call->client->ended, call, entry);
        if (call->is_stream)
                schedule_cleanup(call->client);
        return call_free(call);
}

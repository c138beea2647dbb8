/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wiping-allocator.h"
#include "keyholder/store-endpoint.h"
#include "keyholder/store-login.h"

#define LOGIN_PATH          "/v3/auth/authenticate"
#define LOGIN_TIMEOUT_MS    5000U
#define LOGIN_REPLY_LEN_MAX 16384U

/* After a refusal, requests fail without asking again: etcd hashes the password each time. */
#define REFUSED_MS 1000U

struct StoreRequest {
        TAILQ_ENTRY(StoreRequest) entry; /* while it waits for a token */
        StoreEndpoint *endpoint;
        ProtocolStoreRequest settings;
        char *body;
        size_t body_len;
        uint64_t deadline_ms;

        bool is_waiting;
        sd_event_source *timer; /* ends the request while it is not sent */
        int timer_result;
        HttpCall *http; /* NULL: not sent */
        Secret *token;  /* with which it was sent */
        bool is_repeated;

        /* Members of streams. */
        HttpDataFunc data;
        bool is_checked; /* the first bytes do not refuse the token */
        bool is_refused; /* they do */
        sd_event_source *repeat;

        HttpFunc func;
        void *userdata;
};

TAILQ_HEAD(StoreRequestQueue, StoreRequest);

struct StoreEndpoint {
        unsigned n_ref;
        sd_event *event;
        char *url;
        HttpClient *http;
        Secret *login; /* NULL: none */
        Secret *token; /* NULL: not logged in */
        HttpCall *login_call;
        uint64_t refused_until_ms;
        struct StoreRequestQueue waiting;
        bool has_succeeded;
        bool has_no_users; /* authentication is not enabled */
        int last_error;    /* the last one logged */
};

static bool contains(const char *bytes, size_t len, const char *text)
{
        return memmem(bytes, len, text, strlen(text)) != NULL;
}

static const char *path_of(unsigned path)
{
        static const char *const paths[] = {
                [PROTOCOL_STORE_RANGE] = "/v3/kv/range",
                [PROTOCOL_STORE_TXN] = "/v3/kv/txn",
                [PROTOCOL_STORE_WATCH] = "/v3/watch",
                [PROTOCOL_STORE_LEASE_GRANT] = "/v3/lease/grant",
                [PROTOCOL_STORE_LEASE_KEEPALIVE] = "/v3/lease/keepalive",
                [PROTOCOL_STORE_LEASE_REVOKE] = "/v3/lease/revoke",
                [PROTOCOL_STORE_STATUS] = "/v3/maintenance/status",
                [PROTOCOL_STORE_ALARM] = "/v3/maintenance/alarm",
                [PROTOCOL_STORE_MEMBER_LIST] = "/v3/cluster/member/list",
        };

        static_assert(ARRAY_SIZE(paths) == PROTOCOL_STORE_PATHS, "a path is missing");
        return paths[path];
}

/* Whether curl may repeat a request that it sent on a connection which the peer was closing. */
static bool is_repeatable(unsigned path)
{
        return path == PROTOCOL_STORE_RANGE || path == PROTOCOL_STORE_WATCH ||
               path == PROTOCOL_STORE_LEASE_KEEPALIVE || path == PROTOCOL_STORE_STATUS ||
               path == PROTOCOL_STORE_MEMBER_LIST;
}

static char *make_url(const StoreEndpoint *endpoint, const char *path)
{
        char *url;

        return asprintf(&url, "%s%s", endpoint->url, path) < 0 ? NULL : url;
}

/* Endpoints */

static StoreEndpoint *endpoint_ref(StoreEndpoint *endpoint)
{
        endpoint->n_ref++;
        return endpoint;
}

StoreEndpoint *store_endpoint_unref(StoreEndpoint *endpoint)
{
        if (!endpoint || --endpoint->n_ref > 0)
                return NULL;
        http_call_cancel(endpoint->login_call);
        http_client_free(endpoint->http);
        secret_unref(endpoint->login);
        secret_unref(endpoint->token);
        sd_event_unref(endpoint->event);
        free(endpoint->url);
        free(endpoint);
        return NULL;
}

int store_endpoint_new(sd_event *event, const char *url, const StoreSettings *settings,
                       StoreEndpoint **ret)
{
        _cleanup_(store_endpoint_unrefp) StoreEndpoint *endpoint = calloc(1, sizeof(StoreEndpoint));
        int r;

        if (!endpoint)
                return -ENOMEM;
        endpoint->n_ref = 1;
        endpoint->event = sd_event_ref(event);
        endpoint->login = secret_ref(settings->login);
        TAILQ_INIT(&endpoint->waiting);
        endpoint->url = strdup(url);
        if (!endpoint->url)
                return -ENOMEM;
        r = http_client_new(event, settings->ca_file, &endpoint->http);
        if (r == 0 && settings->cert_file)
                r = http_client_set_certificate(endpoint->http, settings->cert_file, settings->key);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(endpoint);
        return 0;
}

/* -EPROTO, too, before the first success: see was_certificate_refused() in http-transfer.c. */
static bool is_noted(const StoreEndpoint *endpoint, int r)
{
        return r == 0 || r == -EKEYREJECTED || r == -ENOENT || r == -EACCES ||
               (r == -EPROTO && !endpoint->has_succeeded &&
                strncmp(endpoint->url, "https", 5) == 0);
}

/* Logs the errors that an administrator must remedy, and their end. */
static void note_result(StoreEndpoint *endpoint, int r)
{
        if (!is_noted(endpoint, r))
                return;
        endpoint->has_succeeded = endpoint->has_succeeded || r == 0;
        if (endpoint->last_error == r)
                return;
        endpoint->last_error = r;
        if (r == 0)
                log_notice("%s accepts requests again", endpoint->url);
        else if (r == -EKEYREJECTED)
                log_warning("Failed to connect to %s: its certificate is not trusted, or CertFile= "
                            "of [Store] was refused",
                            endpoint->url);
        else if (r == -ENOENT)
                log_warning("Failed to connect to %s: CaFile= or CertFile= of [Store] cannot be "
                            "read",
                            endpoint->url);
        else if (r == -EPROTO)
                log_warning("%s closed the connection without a reply: is there no CertFile= of "
                            "[Store] although it demands one, or was it refused?",
                            endpoint->url);
        else
                log_warning("Failed to log in to %s: %s", endpoint->url,
                            endpoint->has_no_users
                                    ? "its authentication is not enabled; enable it, or remove "
                                      "PasswordCredential= of [Store]"
                                    : "it refused PasswordCredential= of [Store]");
}

/* The end of a request */

static void stop_waiting(StoreRequest *request)
{
        if (request->is_waiting)
                TAILQ_REMOVE(&request->endpoint->waiting, request, entry);
        request->is_waiting = false;
        request->timer = sd_event_source_disable_unref(request->timer);
}

StoreRequest *store_request_cancel(StoreRequest *request)
{
        if (!request)
                return NULL;
        stop_waiting(request);
        sd_event_source_disable_unref(request->repeat);
        http_call_cancel(request->http);
        secret_unref(request->token);
        wiping_free(request->body);
        store_endpoint_unref(request->endpoint);
        free(request);
        return NULL;
}

static void request_end(StoreRequest *request, int r, const HttpReply *reply)
{
        HttpFunc func = request->func;
        void *userdata = request->userdata;

        note_result(request->endpoint, r);
        store_request_cancel(request);
        func(r, reply ?: &(HttpReply){.body = ""}, userdata);
}

static int on_request_timer(sd_event_source *source _unused_, uint64_t usec _unused_,
                            void *userdata)
{
        StoreRequest *request = userdata;

        request_end(request, request->timer_result, NULL);
        return 0;
}

/* Ends a request that is not sent by then. */
static int set_timer(StoreRequest *request, uint64_t ms, int result)
{
        request->timer = sd_event_source_disable_unref(request->timer);
        request->timer_result = result;
        return log_errno_origin(sd_event_add_time_relative(
                request->endpoint->event, &request->timer, CLOCK_MONOTONIC, ms * 1000, 1,
                on_request_timer, request));
}

static uint64_t remaining_ms(const StoreRequest *request)
{
        uint64_t now_ms = monotonic_ms();

        return request->deadline_ms > now_ms ? request->deadline_ms - now_ms : 1;
}

/* Logging in */

static int request_send(StoreRequest *request);

/* Sends the requests that wait, or ends them. Their functions may drop the endpoint. */
static void end_login(StoreEndpoint *endpoint, int r)
{
        _cleanup_(store_endpoint_unrefp) StoreEndpoint *ref = endpoint_ref(endpoint);
        StoreRequest *request;

        while ((request = TAILQ_FIRST(&ref->waiting))) {
                int k = r;

                stop_waiting(request);
                if (k == 0)
                        k = request_send(request);
                if (k < 0)
                        request_end(request, k, NULL);
        }
}

static int take_token(StoreEndpoint *endpoint, const HttpReply *reply)
{
        if (reply->status == 200)
                return store_login_read_token(reply->body, reply->body_len, &endpoint->token);
        /* A member without a leader, for example. */
        if (reply->status >= 500 || reply->status == 429)
                return -ECONNREFUSED;
        endpoint->refused_until_ms = monotonic_ms() + REFUSED_MS;
        endpoint->has_no_users =
                contains(reply->body, reply->body_len, "authentication is not enabled");
        return -EACCES;
}

static void on_login_reply(int r, const HttpReply *reply, void *userdata)
{
        StoreEndpoint *endpoint = userdata;

        endpoint->login_call = NULL;
        if (r == 0)
                r = take_token(endpoint, reply);
        end_login(endpoint, r == -EBADMSG ? -EIO : r);
}

static int start_login(StoreEndpoint *endpoint)
{
        _cleanup_(freep) char *url = make_url(endpoint, LOGIN_PATH);
        _cleanup_(wiping_freep) char *body = NULL;
        size_t body_len = 0;
        int r;

        if (!url)
                return -ENOMEM;
        r = store_login_write(endpoint->login, &body, &body_len);
        return r < 0 ? r
                     : http_call_start(endpoint->http,
                                       &(HttpRequest){.url = url,
                                                      .method = "POST",
                                                      .body = body,
                                                      .body_len = body_len,
                                                      .timeout_ms = LOGIN_TIMEOUT_MS,
                                                      .reply_len_max = LOGIN_REPLY_LEN_MAX},
                                       on_login_reply, endpoint, &endpoint->login_call);
}

static int wait_for_token(StoreRequest *request)
{
        StoreEndpoint *endpoint = request->endpoint;
        int r = 0;

        if (monotonic_ms() < endpoint->refused_until_ms)
                return set_timer(request, 0, -EACCES);
        if (!endpoint->login_call)
                r = start_login(endpoint);
        if (r == 0)
                r = set_timer(request, remaining_ms(request), -ETIMEDOUT);
        if (r < 0)
                return r;
        TAILQ_INSERT_TAIL(&endpoint->waiting, request, entry);
        request->is_waiting = true;
        return 0;
}

/* Requests */

/* etcd's texts; the status of the second one is 400. */
static bool refuses_token(const char *bytes, size_t len)
{
        return contains(bytes, len, "invalid auth token") ||
               contains(bytes, len, "revision of auth store is old");
}

/* etcd 3.4 cancels a watch with an invalid token as one without permission. */
static bool refuses_watch(const char *bytes, size_t len)
{
        return refuses_token(bytes, len) || (contains(bytes, len, "\"canceled\":true") &&
                                             contains(bytes, len, "permission denied"));
}

static bool may_repeat(const StoreRequest *request)
{
        return request->token && !request->is_repeated;
}

static int request_start(StoreRequest *request)
{
        return request->endpoint->login && !request->endpoint->token ? wait_for_token(request)
                                                                     : request_send(request);
}

/* Sends a request again, with another token. */
static void repeat(StoreRequest *request)
{
        StoreEndpoint *endpoint = request->endpoint;
        int r;

        if (endpoint->token == request->token)
                endpoint->token = secret_unref(endpoint->token);
        request->token = secret_unref(request->token);
        request->is_repeated = true;
        request->is_checked = request->is_refused = false;
        r = request_start(request);
        if (r < 0)
                request_end(request, r, NULL);
}

static int on_repeat(sd_event_source *source _unused_, void *userdata)
{
        StoreRequest *request = userdata;

        request->repeat = sd_event_source_disable_unref(request->repeat);
        request->http = http_call_cancel(request->http);
        repeat(request);
        return 0;
}

/* Within curl, so that the stream ends later. */
static bool refuse_stream(StoreRequest *request)
{
        request->is_refused = sd_event_add_defer(request->endpoint->event, &request->repeat,
                                                 on_repeat, request) >= 0;
        return request->is_refused;
}

static bool on_data(const char *bytes, size_t len, void *userdata)
{
        StoreRequest *request = userdata;

        if (!request->is_checked) {
                request->is_checked = true;
                if (may_repeat(request) && refuses_watch(bytes, len) && refuse_stream(request))
                        return true;
        }
        return request->is_refused || request->data(bytes, len, request->userdata);
}

static bool is_token_refused(const StoreRequest *request, const HttpReply *reply)
{
        if (!request->token)
                return false;
        if (request->data)
                return request->is_refused || (reply->status == 401 && !request->is_checked);
        return reply->status == 401 ||
               (reply->status == 400 && refuses_token(reply->body, reply->body_len));
}

static void on_reply(int r, const HttpReply *reply, void *userdata)
{
        StoreRequest *request = userdata;

        request->http = NULL;
        request->repeat = sd_event_source_disable_unref(request->repeat);
        if (r != 0 || !is_token_refused(request, reply))
                request_end(request, r, reply);
        else if (may_repeat(request))
                repeat(request);
        else
                request_end(request, -EACCES, NULL);
}

static int request_send(StoreRequest *request)
{
        StoreEndpoint *endpoint = request->endpoint;
        const ProtocolStoreRequest *settings = &request->settings;
        _cleanup_(freep) char *url = make_url(endpoint, path_of(settings->path));
        const HttpRequest http = {
                .url = url,
                .method = "POST",
                .body = request->body,
                .body_len = request->body_len,
                .token = endpoint->token,
                .header = settings->flags & PROTOCOL_STORE_REQUIRE_LEADER
                                  ? "Grpc-Metadata-hasleader: true"
                                  : NULL,
                .timeout_ms = remaining_ms(request),
                .reply_len_max = settings->reply_len_max,
                .once = !is_repeatable(settings->path),
        };

        if (!url)
                return -ENOMEM;
        request->token = secret_ref(endpoint->token);
        return request->data
                       ? http_stream_start(endpoint->http, &http, on_data, on_reply, request,
                                           &request->http)
                       : http_call_start(endpoint->http, &http, on_reply, request, &request->http);
}

int store_request_start(StoreEndpoint *endpoint, const ProtocolMessage *message, HttpDataFunc data,
                        HttpFunc func, void *userdata, StoreRequest **ret)
{
        _cleanup_(store_request_cancelp) StoreRequest *request = calloc(1, sizeof(StoreRequest));
        const ProtocolText *body = &message->texts[0];
        int r;

        if (!request)
                return -ENOMEM;
        *request = (StoreRequest){
                .endpoint = endpoint_ref(endpoint),
                .settings = message->store_request,
                .body_len = body->len,
                .deadline_ms = monotonic_ms() + message->store_request.timeout_ms,
                .data = message->store_request.flags & PROTOCOL_STORE_STREAM ? data : NULL,
                .func = func,
                .userdata = userdata,
        };
        request->body = malloc(body->len + 1);
        if (!request->body)
                return -ENOMEM;
        memcpy(request->body, body->text, body->len + 1);
        r = request_start(request);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(request);
        return 0;
}

void store_request_resume(StoreRequest *request)
{
        if (request->http)
                http_stream_resume(request->http);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "daemon/etcd/etcd-client-internal.h"
#include "daemon/etcd/etcd-txn-shape.h"

#define TIMEOUT_MS 5000U

/* Pauses before a call is sent again, with jitter. */
#define PAUSE_FIRST_MS 25U
#define PAUSE_MAX_MS   800U

/* The transport has its own deadline; the timer is for a transport that hangs. */
#define TRANSPORT_GRACE_MS 100U

struct EtcdCall {
        EtcdClient *client;
        EtcdCall *next, **at; /* in the list of the client; where the list points to this one */
        EtcdPath path;
        EtcdReplyKind kind;
        char *body;
        EtcdTxnShape *shape; /* of a txn */
        bool once;           /* not idempotent */
        bool any_endpoint;   /* needs no quorum */
        bool linearizable;   /* a reply proves a quorum, and tells the revision */
        EtcdCallOptions options;
        uint64_t deadline_ms;   /* this and others in CLOCK_MONOTONIC */
        sd_event_source *timer; /* enabled: look at deadline, pause, or the try in flight */
        EtcdExchange *exchange; /* in flight, or NULL */
        unsigned endpoint;      /* of the last try */
        uint64_t sent_at_ms;
        uint64_t try_ms; /* time that the last try has */
        int64_t revision_at_send;
        uint64_t not_before_ms; /* the pause */
        unsigned n_tries;
        int error; /* of the last try; 0: none */
        EtcdCallFunc func;
        void *userdata;
};

EtcdCall *etcd_call_cancel(EtcdCall *call)
{
        if (!call)
                return NULL;
        if (call->exchange)
                call->client->transport->cancel(call->exchange);
        if (call->at) {
                *call->at = call->next;
                if (call->next)
                        call->next->at = call->at;
        }
        sd_event_source_disable_unref(call->timer);
        free(call->body);
        free(call->shape);
        free(call);
        return NULL;
}
DEFINE_CLEANUP(EtcdCall *, etcd_call_cancel);

void etcd_calls_cancel_all(EtcdClient *client)
{
        while (client->calls)
                etcd_call_cancel(client->calls);
}

void etcd_calls_wake(EtcdClient *client)
{
        for (EtcdCall *call = client->calls; call; call = call->next)
                if (!call->exchange)
                        etcd_timer_set(call->timer, 0);
}

static void end(EtcdCall *call, int r, const EtcdReply *reply)
{
        EtcdCallFunc func = call->func;
        void *userdata = call->userdata;

        etcd_call_cancel(call);
        func(r, reply, userdata);
}

/* The error of a call whose deadline has passed. */
static int timeout_error(const EtcdCall *call)
{
        int error = call->error ?: call->client->reason;

        return error == ETCD_ERROR_NO_LEADER || error == ETCD_ERROR_DENIED ? error
                                                                           : ETCD_ERROR_UNAVAILABLE;
}

static bool pick_endpoint(const EtcdCall *call, unsigned *ret)
{
        const EtcdClient *client = call->client;
        unsigned n;

        if (call->options.pinned) {
                *ret = call->options.endpoint;
                return true;
        }
        if (etcd_client_endpoint(client, ret))
                return true;
        n = etcd_client_n_endpoints(client);
        if (!call->any_endpoint || n == 0)
                return false;
        *ret = (client->endpoint + call->n_tries) % n;
        return true;
}

static void pause_call(EtcdCall *call)
{
        uint64_t now_ms = monotonic_ms(), pause_ms = PAUSE_MAX_MS;

        /* Another endpoint is tried at once, after the first failure. */
        if (call->n_tries < 2)
                pause_ms = 0;
        else if (call->n_tries < 7)
                pause_ms = PAUSE_FIRST_MS << (call->n_tries - 2);
        call->not_before_ms = now_ms + (pause_ms > 0 ? jitter_ms(pause_ms) : 1);
        etcd_timer_set(call->timer, call->not_before_ms < call->deadline_ms ? call->not_before_ms
                                                                            : call->deadline_ms);
}

/* Whether an endpoint had its time, rather than what was left before the deadline. */
static bool is_to_blame(const EtcdCall *call, int r)
{
        return r != -ETIMEDOUT || call->try_ms >= call->client->try_ms;
}

static void fail(EtcdCall *call, EtcdFailure failure, bool doubt)
{
        call->exchange = NULL;
        call->error = failure.error;
        if (failure.transient && doubt)
                etcd_client_doubt(call->client, call->endpoint, failure.error);
        if (call->once && failure.executed)
                end(call, ETCD_ERROR_OUTCOME_UNKNOWN, NULL);
        else if (!failure.transient || call->options.pinned)
                end(call, failure.error, NULL);
        else
                pause_call(call);
}

static int decode(const EtcdCall *call, const char *body, size_t body_len, EtcdReply *ret)
{
        EtcdReply reply;
        int r;

        r = etcd_reply_decode(call->kind, body, body_len, &reply);
        if (r != 0)
                return r;
        if (call->shape && !etcd_txn_shape_fits(call->shape, &reply.txn)) {
                etcd_reply_clear(&reply);
                return ETCD_ERROR_MALFORMED;
        }
        *ret = reply;
        return 0;
}

/* Errors of decoding other than these are told by a keepalive. */
static EtcdFailure failure_of_decoding(int r)
{
        return r < 0 || r == ETCD_ERROR_MALFORMED
                       ? etcd_failure_of_decoding(r)
                       : (EtcdFailure){r, .transient = r == ETCD_ERROR_UNAVAILABLE ||
                                                       r == ETCD_ERROR_NO_LEADER};
}

static void take_reply(EtcdCall *call, const EtcdReply *reply)
{
        EtcdClient *client = call->client;
        int r = 0;

        if (reply->header.cluster_id != 0)
                r = etcd_client_check_header(client, &reply->header,
                                             call->linearizable ? call->revision_at_send : 0);
        if (r == 0 && call->linearizable)
                etcd_client_hear(client, call->endpoint, call->sent_at_ms);
        end(call, r, r == 0 ? reply : NULL);
}

static void on_reply(int r, unsigned status, const char *body, size_t body_len, void *userdata)
{
        EtcdCall *call = userdata;
        EtcdFailure failure;
        EtcdReply reply;

        call->exchange = NULL;
        etcd_timer_stop(call->timer);
        if (etcd_failure_of_reply(r, status, body, body_len, &failure)) {
                fail(call, failure, is_to_blame(call, r));
                return;
        }
        r = decode(call, body, body_len, &reply);
        if (r != 0) {
                fail(call, failure_of_decoding(r), true);
                return;
        }
        take_reply(call, &reply);
        etcd_reply_clear(&reply);
}

static void give_time(EtcdCall *call)
{
        uint64_t left_ms = call->deadline_ms - call->sent_at_ms;
        uint64_t try_ms = call->options.try_ms ?: call->client->try_ms;

        call->try_ms = try_ms < left_ms ? try_ms : left_ms;
}

/* Before the deadline. A failure to start is told later, since the caller is perhaps the start
 * function. */
static void try_endpoint(EtcdCall *call, unsigned endpoint)
{
        const EtcdTransport *transport = call->client->transport;
        EtcdRequest request = {
                .path = call->path,
                .endpoint = endpoint,
                .body = call->body,
                .body_len = strlen(call->body),
                .reply_len_max = call->options.reply_len_max ?: ETCD_REPLY_LEN_MAX,
                .require_leader = call->linearizable,
        };
        int r;

        call->n_tries++;
        call->endpoint = endpoint;
        call->sent_at_ms = monotonic_ms();
        call->revision_at_send = call->client->revision;
        give_time(call);
        request.timeout_ms = call->try_ms;
        r = transport->start(transport->userdata, &request, NULL, on_reply, call, &call->exchange);
        if (r == 0) {
                etcd_timer_set(call->timer, call->sent_at_ms + call->try_ms + TRANSPORT_GRACE_MS);
                return;
        }
        call->error = r == -ENOMEM ? r : ETCD_ERROR_UNAVAILABLE;
        if (r != -ENOMEM)
                etcd_client_doubt(call->client, endpoint, call->error);
        if (call->options.pinned)
                call->deadline_ms = call->sent_at_ms;
        pause_call(call);
}

static void proceed(EtcdCall *call)
{
        uint64_t now_ms = monotonic_ms();
        unsigned endpoint;
        int error;

        if (etcd_client_is_stopped(call->client, &error))
                end(call, error, NULL);
        else if (now_ms >= call->deadline_ms)
                end(call, timeout_error(call), NULL);
        else if (now_ms >= call->not_before_ms && pick_endpoint(call, &endpoint))
                try_endpoint(call, endpoint);
        else if (now_ms < call->not_before_ms && call->not_before_ms < call->deadline_ms)
                etcd_timer_set(call->timer, call->not_before_ms);
        else
                etcd_timer_set(call->timer, call->deadline_ms);
}

static int on_timer(sd_event_source *timer _unused_, uint64_t usec _unused_, void *userdata)
{
        EtcdCall *call = userdata;
        EtcdFailure failure;

        if (!call->exchange) {
                proceed(call);
                return 0;
        }
        call->client->transport->cancel(TAKE_PTR(call->exchange));
        (void) etcd_failure_of_reply(-ETIMEDOUT, 0, NULL, 0, &failure);
        fail(call, failure, is_to_blame(call, -ETIMEDOUT));
        return 0;
}

/* Sends the call, or has it wait. */
static void begin(EtcdCall *call)
{
        EtcdClient *client = call->client;
        unsigned endpoint;
        int error;

        call->deadline_ms = monotonic_ms() + (call->options.timeout_ms ?: TIMEOUT_MS);
        call->next = client->calls;
        call->at = &client->calls;
        if (call->next)
                call->next->at = &call->next;
        client->calls = call;
        if (!etcd_client_is_stopped(client, &error) && pick_endpoint(call, &endpoint))
                try_endpoint(call, endpoint);
        else
                etcd_timer_set(call->timer,
                               etcd_client_is_stopped(client, &error) ? 0 : call->deadline_ms);
}

/* Takes the body and the shape of `like`, which has the differences between requests. */
static int start(EtcdClient *client, const EtcdCall *like, const EtcdCallOptions *options,
                 EtcdCallFunc func, void *userdata, EtcdCall **ret)
{
        _cleanup_(etcd_call_cancelp) EtcdCall *call = malloc(sizeof(EtcdCall));
        int r;

        if (!call) {
                free(like->body);
                free(like->shape);
                return -ENOMEM;
        }
        *call = *like;
        call->client = client;
        call->options = options ? *options : (EtcdCallOptions){};
        call->func = func;
        call->userdata = userdata;
        r = etcd_timer_new(client->event, on_timer, call, &call->timer);
        if (r < 0)
                return r;
        begin(call);
        *ret = TAKE_PTR(call);
        return 0;
}

int etcd_range_start(EtcdClient *client, const EtcdRange *range, const EtcdCallOptions *options,
                     EtcdCallFunc func, void *userdata, EtcdCall **ret)
{
        EtcdCall like = {
                .path = ETCD_KV_RANGE,
                .kind = ETCD_REPLY_RANGE,
                .any_endpoint = range->serializable,
                .linearizable = !range->serializable,
        };
        int r;

        r = etcd_request_range(range, &like.body);
        return r < 0 ? r : start(client, &like, options, func, userdata, ret);
}

int etcd_txn_start(EtcdClient *client, const EtcdTxn *txn, const EtcdCallOptions *options,
                   EtcdCallFunc func, void *userdata, EtcdCall **ret)
{
        EtcdCall like = {
                .path = ETCD_KV_TXN,
                .kind = ETCD_REPLY_TXN,
                .once = !etcd_txn_is_read_only(txn),
        };
        int r;

        /* The member answers alone if the txn has no operation, or only serializable ranges. */
        like.linearizable = like.once;
        r = etcd_request_txn(txn, &like.body);
        if (r < 0)
                return r;
        r = etcd_txn_shape_new(txn, &like.shape);
        if (r < 0) {
                free(like.body);
                return r;
        }
        return start(client, &like, options, func, userdata, ret);
}

int etcd_lease_grant_start(EtcdClient *client, int64_t ttl_s, const EtcdCallOptions *options,
                           EtcdCallFunc func, void *userdata, EtcdCall **ret)
{
        EtcdCall like = {.path = ETCD_LEASE_GRANT, .kind = ETCD_REPLY_LEASE_GRANT};
        int r;

        r = etcd_request_lease_grant(ttl_s, &like.body);
        return r < 0 ? r : start(client, &like, options, func, userdata, ret);
}

int etcd_lease_keepalive_start(EtcdClient *client, int64_t id, const EtcdCallOptions *options,
                               EtcdCallFunc func, void *userdata, EtcdCall **ret)
{
        EtcdCall like = {.path = ETCD_LEASE_KEEPALIVE, .kind = ETCD_REPLY_LEASE_KEEPALIVE};
        int r;

        r = etcd_request_lease(id, &like.body);
        return r < 0 ? r : start(client, &like, options, func, userdata, ret);
}

int etcd_lease_revoke_start(EtcdClient *client, int64_t id, const EtcdCallOptions *options,
                            EtcdCallFunc func, void *userdata, EtcdCall **ret)
{
        EtcdCall like = {.path = ETCD_LEASE_REVOKE, .kind = ETCD_REPLY_LEASE_REVOKE};
        int r;

        r = etcd_request_lease(id, &like.body);
        return r < 0 ? r : start(client, &like, options, func, userdata, ret);
}

static int start_empty(EtcdClient *client, EtcdPath path, EtcdReplyKind kind,
                       const EtcdCallOptions *options, EtcdCallFunc func, void *userdata,
                       EtcdCall **ret)
{
        EtcdCall like = {.path = path, .kind = kind, .any_endpoint = true};
        int r;

        r = path == ETCD_MAINTENANCE_ALARM ? etcd_request_alarms(&like.body)
                                           : etcd_request_empty(&like.body);
        return r < 0 ? r : start(client, &like, options, func, userdata, ret);
}

int etcd_status_start(EtcdClient *client, const EtcdCallOptions *options, EtcdCallFunc func,
                      void *userdata, EtcdCall **ret)
{
        return start_empty(client, ETCD_MAINTENANCE_STATUS, ETCD_REPLY_STATUS, options, func,
                           userdata, ret);
}

int etcd_alarms_start(EtcdClient *client, const EtcdCallOptions *options, EtcdCallFunc func,
                      void *userdata, EtcdCall **ret)
{
        return start_empty(client, ETCD_MAINTENANCE_ALARM, ETCD_REPLY_ALARMS, options, func,
                           userdata, ret);
}

int etcd_members_start(EtcdClient *client, const EtcdCallOptions *options, EtcdCallFunc func,
                       void *userdata, EtcdCall **ret)
{
        return start_empty(client, ETCD_MEMBER_LIST, ETCD_REPLY_MEMBERS, options, func, userdata,
                           ret);
}

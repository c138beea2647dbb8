/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wiping-allocator.h"
#include "daemon/holder/holder-store.h"

/* Requests wait in their queue while the socket has this much to send. */
#define SEND_MAX ((size_t) 256 * 1024)

/* The key holder's own deadline comes first, unless it hangs. */
#define SLACK_MS 250U

typedef TAILQ_HEAD(ExchangeQueue, EtcdExchange) ExchangeQueue;

struct EtcdExchange {
        TAILQ_ENTRY(EtcdExchange) entry;
        HolderStore *store;
        uint64_t id;
        char *bytes; /* encoded */
        size_t len;
        bool is_sent;
        bool has_ended; /* the timer reports it */
        uint64_t deadline_ms;
        sd_event_source *timer;
        int timer_result;
        size_t n_consumed; /* bytes of a stream since the last STORE_CREDIT */
        EtcdDataFunc data; /* NULL: no stream */
        EtcdReplyFunc reply;
        void *userdata;
};

struct HolderStore {
        sd_event *event;
        Channel *channel; /* NULL: no key holder */
        bool is_paused;
        bool is_ready; /* a key holder was ready, and another one can be expected */
        EtcdExchange *exchanges[PROTOCOL_STORE_CALLS_MAX]; /* by id */
        uint64_t last_id;
        unsigned n_exchanges, n_streams;
        ExchangeQueue queued, sent;
        HolderStoreState state;
        char *text; /* of the state */
        uint64_t peer_serial;
};

static void exchange_free(EtcdExchange *exchange)
{
        HolderStore *store = exchange->store;

        TAILQ_REMOVE(exchange->is_sent ? &store->sent : &store->queued, exchange, entry);
        store->exchanges[exchange->id % PROTOCOL_STORE_CALLS_MAX] = NULL;
        store->n_exchanges--;
        store->n_streams -= exchange->data != NULL;
        sd_event_source_disable_unref(exchange->timer);
        wiping_free(exchange->bytes);
        free(exchange);
}

static void exchange_end(EtcdExchange *exchange, int r, unsigned status, const ProtocolText *body)
{
        EtcdReplyFunc reply = exchange->reply;
        bool is_stream = exchange->data;
        void *userdata = exchange->userdata;

        exchange_free(exchange);
        reply(r, status,
              is_stream ? NULL
              : body    ? body->text
                        : "",
              is_stream || !body ? 0 : body->len, userdata);
}

static void send_cancel(const HolderStore *store, uint64_t id)
{
        if (store->channel)
                (void) channel_send(store->channel,
                                    &(ProtocolMessage){.type = PROTOCOL_STORE_CANCEL, .id = id});
}

static bool is_in_flight(const EtcdExchange *exchange)
{
        return exchange->is_sent && !exchange->has_ended;
}

void holder_store_cancel(EtcdExchange *exchange)
{
        if (is_in_flight(exchange))
                send_cancel(exchange->store, exchange->id);
        exchange_free(exchange);
}

/* Timers */

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        EtcdExchange *exchange = userdata;

        if (is_in_flight(exchange)) {
                log_debug("The key holder does not respond");
                send_cancel(exchange->store, exchange->id);
        }
        exchange_end(exchange, exchange->timer_result, 0, NULL);
        return 0;
}

static void set_timer(EtcdExchange *exchange, uint64_t at_ms, int result)
{
        exchange->timer_result = result;
        (void) sd_event_source_set_time(exchange->timer, at_ms * 1000);
        (void) sd_event_source_set_enabled(exchange->timer, SD_EVENT_ONESHOT);
}

/* Not at once, because the function may start and cancel others. */
static void end_soon(EtcdExchange *exchange, int r)
{
        exchange->has_ended = true;
        set_timer(exchange, 0, r);
}

/* Sending */

/* The key holder has the deadline of a stream's headers, and the daemon does not learn of them. */
static void move_to_sent(EtcdExchange *exchange)
{
        HolderStore *store = exchange->store;

        TAILQ_REMOVE(&store->queued, exchange, entry);
        TAILQ_INSERT_TAIL(&store->sent, exchange, entry);
        exchange->is_sent = true;
        if (exchange->data)
                (void) sd_event_source_set_enabled(exchange->timer, SD_EVENT_OFF);
        else
                set_timer(exchange, exchange->deadline_ms + SLACK_MS, -ETIMEDOUT);
}

/* The request was not sent, so the next key holder gets it. */
static void move_to_queued(EtcdExchange *exchange)
{
        HolderStore *store = exchange->store;

        TAILQ_REMOVE(&store->sent, exchange, entry);
        TAILQ_INSERT_HEAD(&store->queued, exchange, entry);
        exchange->is_sent = false;
        set_timer(exchange, exchange->deadline_ms, -ENOTCONN);
}

void holder_store_send(HolderStore *store)
{
        EtcdExchange *exchange, *next;

        for (exchange = TAILQ_FIRST(&store->queued);
             exchange && store->channel && !store->is_paused &&
             channel_queued(store->channel) < SEND_MAX;
             exchange = next) {
                uint64_t now_ms = monotonic_ms();

                next = TAILQ_NEXT(exchange, entry);
                if (exchange->has_ended)
                        continue;
                protocol_set_timeout(exchange->bytes,
                                     exchange->deadline_ms > now_ms
                                             ? (uint32_t) (exchange->deadline_ms - now_ms)
                                             : 1);
                if (channel_send_encoded(store->channel, exchange->bytes, exchange->len) < 0)
                        return; /* out of memory; the next event retries */
                move_to_sent(exchange);
        }
}

static uint64_t new_id(HolderStore *store)
{
        do
                store->last_id++;
        while (store->last_id == 0 || store->exchanges[store->last_id % PROTOCOL_STORE_CALLS_MAX]);
        return store->last_id;
}

static int encode(EtcdExchange *exchange, const EtcdRequest *request)
{
        static const ProtocolStorePath paths[] = {
                [ETCD_KV_RANGE] = PROTOCOL_STORE_RANGE,
                [ETCD_KV_TXN] = PROTOCOL_STORE_TXN,
                [ETCD_WATCH] = PROTOCOL_STORE_WATCH,
                [ETCD_LEASE_GRANT] = PROTOCOL_STORE_LEASE_GRANT,
                [ETCD_LEASE_KEEPALIVE] = PROTOCOL_STORE_LEASE_KEEPALIVE,
                [ETCD_LEASE_REVOKE] = PROTOCOL_STORE_LEASE_REVOKE,
                [ETCD_MAINTENANCE_STATUS] = PROTOCOL_STORE_STATUS,
                [ETCD_MAINTENANCE_ALARM] = PROTOCOL_STORE_ALARM,
                [ETCD_MEMBER_LIST] = PROTOCOL_STORE_MEMBER_LIST,
        };
        bool is_stream = exchange->data;
        ProtocolMessage message = {
                .type = PROTOCOL_STORE_REQUEST,
                .id = exchange->id,
                .store_request = {.timeout_ms = (uint32_t) request->timeout_ms,
                                  .reply_len_max =
                                          is_stream ? 0 : (uint32_t) request->reply_len_max,
                                  .path = (uint16_t) paths[request->path],
                                  .endpoint = (uint16_t) request->endpoint,
                                  .flags = (uint16_t) ((is_stream ? PROTOCOL_STORE_STREAM : 0) |
                                                       (request->require_leader
                                                                ? PROTOCOL_STORE_REQUIRE_LEADER
                                                                : 0))},
                .texts = {{.text = request->body, .len = request->body_len}},
        };

        static_assert(ARRAY_SIZE(paths) == ETCD_PATH_MAX, "a path is missing");
        return protocol_encode(&message, &exchange->bytes, &exchange->len);
}

unsigned holder_store_n_endpoints(const HolderStore *store)
{
        return store->is_ready ? store->state.n_endpoints : 0;
}

static int check_start(const HolderStore *store, const EtcdRequest *request, bool is_stream)
{
        if (request->endpoint >= holder_store_n_endpoints(store))
                return -ENOTCONN;
        if (store->n_exchanges >= PROTOCOL_STORE_CALLS_MAX ||
            (is_stream && store->n_streams >= PROTOCOL_STREAMS_MAX))
                return -ENOBUFS;
        return request->body_len > PROTOCOL_BODY_MAX ||
                               (!is_stream && request->reply_len_max > PROTOCOL_REPLY_MAX)
                       ? -EMSGSIZE
                       : 0;
}

int holder_store_start(HolderStore *store, const EtcdRequest *request, EtcdDataFunc data,
                       EtcdReplyFunc reply, void *userdata, EtcdExchange **ret)
{
        EtcdExchange *exchange;
        int r;

        r = check_start(store, request, data);
        if (r < 0)
                return r;
        exchange = calloc(1, sizeof(EtcdExchange));
        if (!exchange)
                return -ENOMEM;
        *exchange = (EtcdExchange){
                .store = store,
                .id = new_id(store),
                .deadline_ms = monotonic_ms() + request->timeout_ms,
                .timer_result = -ENOTCONN,
                .data = data,
                .reply = reply,
                .userdata = userdata,
        };
        store->exchanges[exchange->id % PROTOCOL_STORE_CALLS_MAX] = exchange;
        store->n_exchanges++;
        store->n_streams += data != NULL;
        TAILQ_INSERT_TAIL(&store->queued, exchange, entry);
        r = encode(exchange, request);
        if (r == 0)
                r = log_errno_origin(
                        sd_event_add_time(store->event, &exchange->timer, CLOCK_MONOTONIC,
                                          exchange->deadline_ms * 1000, 1, on_timer, exchange));
        if (r < 0) {
                exchange_free(exchange);
                return r == -EINVAL ? r : -ENOMEM;
        }
        holder_store_send(store);
        *ret = exchange;
        return 0;
}

/* Connections */

void holder_store_connect(HolderStore *store, Channel *channel)
{
        store->channel = channel;
        store->is_paused = false;
        store->is_ready = true;
        holder_store_send(store);
}

void holder_store_pause(HolderStore *store)
{
        EtcdExchange *exchange;

        store->is_paused = true;
        TAILQ_FOREACH(exchange, &store->sent, entry)
                if (exchange->data && !exchange->has_ended)
                        end_soon(exchange, -ENOLINK);
}

void holder_store_disconnect(HolderStore *store)
{
        EtcdExchange *exchange;

        store->channel = NULL;
        store->peer_serial = 0;
        TAILQ_FOREACH(exchange, &store->sent, entry)
                if (!exchange->has_ended)
                        end_soon(exchange, -ENOLINK);
}

void holder_store_set_down(HolderStore *store, bool is_down)
{
        EtcdExchange *exchange;

        if (!is_down || store->channel)
                return;
        store->is_ready = false;
        TAILQ_FOREACH(exchange, &store->queued, entry)
                if (!exchange->has_ended)
                        end_soon(exchange, -ENOTCONN);
}

bool holder_store_await(const HolderStore *store)
{
        const EtcdExchange *exchange;

        TAILQ_FOREACH(exchange, &store->sent, entry)
                if (!exchange->data && !exchange->has_ended)
                        return true;
        return false;
}

/* Receiving */

static EtcdExchange *find_exchange(const HolderStore *store, uint64_t id)
{
        EtcdExchange *exchange = store->exchanges[id % PROTOCOL_STORE_CALLS_MAX];

        return exchange && exchange->id == id && is_in_flight(exchange) ? exchange : NULL;
}

static HolderFault holder_fault(uint32_t fault)
{
        if (fault == PROTOCOL_FAULT_NONE)
                return HOLDER_FAULT_NONE;
        return fault == PROTOCOL_FAULT_MISSING ? HOLDER_FAULT_MISSING : HOLDER_FAULT_UNUSABLE;
}

static int on_state(HolderStore *store, const ProtocolMessage *message)
{
        const ProtocolStoreState *state = &message->store_state;
        char *text = strdup(message->texts[0].text);

        if (!text)
                return -ENOMEM;
        if (state->serial != store->peer_serial)
                store->state.serial++;
        store->peer_serial = state->serial;
        free(store->text);
        store->text = text;
        store->state.n_endpoints = state->n_endpoints;
        store->state.fault = holder_fault(state->fault);
        store->state.text = text;
        return 0;
}

static void give_credit(const HolderStore *store, EtcdExchange *exchange, size_t len)
{
        ProtocolMessage message = {.type = PROTOCOL_STORE_CREDIT, .id = exchange->id};

        exchange->n_consumed += len;
        if (exchange->n_consumed < PROTOCOL_STREAM_CREDIT / 2)
                return;
        message.store_credit.n_bytes = PROTOCOL_STREAM_CREDIT / 2;
        if (channel_send(store->channel, &message) == 0)
                exchange->n_consumed -= PROTOCOL_STREAM_CREDIT / 2;
}

/* A stream's data may cross its STORE_CANCEL. */
static int on_data(const HolderStore *store, const ProtocolMessage *message)
{
        EtcdExchange *exchange = find_exchange(store, message->id);
        const ProtocolText *data = &message->texts[0];

        if (!exchange)
                return 0;
        if (!exchange->data)
                return -EPROTO;
        exchange->data(data->text, data->len, exchange->userdata);
        exchange = find_exchange(store, message->id);
        if (exchange)
                give_credit(store, exchange, data->len);
        return 0;
}

/* Errors of EtcdReplyFunc. */
static int result_of(int r)
{
        switch (r) {
        case 0:
        case -ETIMEDOUT:
        case -EMSGSIZE:
        case -ECONNREFUSED:
        case -EHOSTUNREACH:
        case -EKEYREJECTED:
        case -EACCES:
        case -ENOKEY:
        case -ENOENT:
        case -EPROTO:
        case -ENOLINK:
        case -ENOMEM:
                return r;
        case -EBADMSG:
                return -EPROTO;
        case -ESTALE:
                return -ENOTCONN;
        case -EMFILE:
        case -ENFILE:
        case -ENOBUFS:
                return -ENOMEM;
        default:
                return -EIO;
        }
}

static int on_reply(const HolderStore *store, const ProtocolMessage *message)
{
        EtcdExchange *exchange = find_exchange(store, message->id);
        const ProtocolStoreReply *reply = &message->store_reply;

        if (!exchange)
                return 0;
        if (exchange->data && message->texts[0].len > 0)
                return -EPROTO;
        if (reply->r == -ESHUTDOWN)
                move_to_queued(exchange);
        else
                exchange_end(exchange, result_of(reply->r), reply->status, &message->texts[0]);
        return 0;
}

int holder_store_receive(HolderStore *store, const ProtocolMessage *message)
{
        switch (message->type) {
        case PROTOCOL_STORE_STATE:
                return on_state(store, message);
        case PROTOCOL_STORE_DATA:
                return on_data(store, message);
        default:
                return on_reply(store, message);
        }
}

const HolderStoreState *holder_store_get_state(const HolderStore *store)
{
        return &store->state;
}

int holder_store_new(sd_event *event, HolderStore **ret)
{
        HolderStore *store = calloc(1, sizeof(HolderStore));

        if (!store)
                return -ENOMEM;
        store->event = sd_event_ref(event);
        store->state.text = "";
        TAILQ_INIT(&store->queued);
        TAILQ_INIT(&store->sent);
        *ret = store;
        return 0;
}

HolderStore *holder_store_free(HolderStore *store)
{
        if (!store)
                return NULL;
        for (size_t i = 0; i < PROTOCOL_STORE_CALLS_MAX; i++)
                if (store->exchanges[i])
                        exchange_free(store->exchanges[i]);
        sd_event_unref(store->event);
        free(store->text);
        free(store);
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wiping-allocator.h"
#include "daemon/holder/holder-calls.h"

/* Requests wait in their queue while the socket has this much to send. */
#define SEND_MAX ((size_t) 256 * 1024)

/* How often a request is sent to a key holder that ends before its reply: the request may be why.
 */
#define SENDS_MAX 3U

/* The key holder's own deadline comes first, unless it hangs. */
#define SLACK_MS 250U

typedef TAILQ_HEAD(CallQueue, ApiExchange) CallQueue;

struct ApiExchange {
        TAILQ_ENTRY(ApiExchange) entry;
        HolderCalls *calls;
        uint64_t id;
        char *bytes; /* encoded */
        size_t len;
        bool is_request; /* with a timeout */
        bool once;
        bool is_sent;
        unsigned n_sends;
        uint64_t deadline_ms;
        sd_event_source *timer;
        ApiReplyFunc func;
        void *userdata;
};

struct HolderCalls {
        sd_event *event;
        Channel *channel; /* NULL: no key holder */
        bool is_paused;
        bool is_down;
        ApiExchange *calls[PROTOCOL_CALLS_MAX]; /* by id */
        uint64_t last_id;
        unsigned n_calls;
        CallQueue queued, sent;
};

static void call_free(ApiExchange *call)
{
        HolderCalls *calls = call->calls;

        TAILQ_REMOVE(call->is_sent ? &calls->sent : &calls->queued, call, entry);
        calls->calls[call->id % PROTOCOL_CALLS_MAX] = NULL;
        calls->n_calls--;
        sd_event_source_disable_unref(call->timer);
        wiping_free(call->bytes);
        free(call);
}

static void call_end(ApiExchange *call, int r, const ApiReply *reply)
{
        ApiReplyFunc func = call->func;
        void *userdata = call->userdata;

        call_free(call);
        func(r, reply ?: &(ApiReply){.body = ""}, userdata);
}

static void send_cancel(const HolderCalls *calls, uint64_t id)
{
        if (calls->channel)
                (void) channel_send(calls->channel,
                                    &(ProtocolMessage){.type = PROTOCOL_CANCEL, .id = id});
}

void holder_call_cancel(ApiExchange *call)
{
        if (call->is_sent)
                send_cancel(call->calls, call->id);
        call_free(call);
}

/* Sends the queued requests, as far as the socket takes them. */
void holder_calls_send(HolderCalls *calls)
{
        ApiExchange *call;

        while (calls->channel && !calls->is_paused && channel_queued(calls->channel) < SEND_MAX &&
               (call = TAILQ_FIRST(&calls->queued))) {
                uint64_t now_ms = monotonic_ms();

                if (call->is_request)
                        protocol_set_timeout(call->bytes,
                                             call->deadline_ms > now_ms
                                                     ? (uint32_t) (call->deadline_ms - now_ms)
                                                     : 1);
                if (channel_send_encoded(calls->channel, call->bytes, call->len) < 0)
                        return; /* out of memory; the next event retries */
                TAILQ_REMOVE(&calls->queued, call, entry);
                TAILQ_INSERT_TAIL(&calls->sent, call, entry);
                call->is_sent = true;
                call->n_sends++;
        }
}

/* The deadline has passed and the key holder has not replied, or there is none. */
static int on_call_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        ApiExchange *call = userdata;

        if (call->is_sent) {
                log_debug("The key holder does not respond");
                send_cancel(call->calls, call->id);
        }
        call_end(call, API_TRANSPORT_LOST, NULL);
        return 0;
}

static uint64_t new_call_id(HolderCalls *calls)
{
        do
                calls->last_id++;
        while (calls->last_id == 0 || calls->calls[calls->last_id % PROTOCOL_CALLS_MAX]);
        return calls->last_id;
}

static int encode(ApiExchange *call, const ApiRequest *request)
{
        static const ProtocolMethod methods[] = {[API_GET] = PROTOCOL_GET,
                                                 [API_POST] = PROTOCOL_POST,
                                                 [API_DELETE] = PROTOCOL_DELETE};
        ProtocolMessage message = {.id = call->id};

        if (request->kind == API_REQUEST_KEY_PROOF) {
                message.type = PROTOCOL_PROVE;
                message.prove.account = request->account;
                message.texts[0] = PROTOCOL_TEXT(request->path);
                return protocol_encode(&message, &call->bytes, &call->len);
        }
        call->is_request = true;
        message.type = PROTOCOL_REQUEST;
        message.request = (ProtocolRequest){
                .account = request->account,
                .timeout_ms = (uint32_t) request->timeout_ms,
                .reply_len_max = (uint32_t) request->reply_len_max,
                .method = (uint16_t) methods[request->method],
                .flags = (uint16_t) ((request->once ? PROTOCOL_ONCE : 0) |
                                     (request->body ? PROTOCOL_WITH_BODY : 0) |
                                     (request->kind == API_REQUEST_KEY_SET ? PROTOCOL_KEY_SET : 0)),
        };
        message.texts[PROTOCOL_REQUEST_TENANCY_ID] = PROTOCOL_TEXT(request->tenancy_id);
        message.texts[PROTOCOL_REQUEST_PATH] = PROTOCOL_TEXT(request->path);
        message.texts[PROTOCOL_REQUEST_BODY] =
                (ProtocolText){.text = request->body, .len = request->body_len};
        return protocol_encode(&message, &call->bytes, &call->len);
}

int holder_call_start(HolderCalls *calls, const ApiRequest *request, ApiReplyFunc func,
                      void *userdata, ApiExchange **ret)
{
        uint64_t timer_ms = calls->is_down && !calls->channel ? 0 : request->timeout_ms + SLACK_MS;
        ApiExchange *call;
        int r;

        if (calls->n_calls >= PROTOCOL_CALLS_MAX)
                return -ENOBUFS;
        call = calloc(1, sizeof(ApiExchange));
        if (!call)
                return -ENOMEM;
        *call = (ApiExchange){
                .calls = calls,
                .id = new_call_id(calls),
                .once = request->once,
                .deadline_ms = monotonic_ms() + request->timeout_ms,
                .func = func,
                .userdata = userdata,
        };
        calls->calls[call->id % PROTOCOL_CALLS_MAX] = call;
        calls->n_calls++;
        TAILQ_INSERT_TAIL(&calls->queued, call, entry);
        r = encode(call, request);
        if (r == 0)
                r = log_errno_origin(sd_event_add_time_relative(calls->event, &call->timer,
                                                                CLOCK_MONOTONIC, timer_ms * 1000, 1,
                                                                on_call_timer, call));
        if (r < 0) {
                call_free(call);
                return r;
        }
        holder_calls_send(calls);
        *ret = call;
        return 0;
}

void holder_calls_connect(HolderCalls *calls, Channel *channel)
{
        calls->channel = channel;
        calls->is_paused = false;
        calls->is_down = false;
        holder_calls_send(calls);
}

void holder_calls_pause(HolderCalls *calls)
{
        calls->is_paused = true;
}

bool holder_calls_await(const HolderCalls *calls)
{
        return !TAILQ_EMPTY(&calls->sent);
}

/* Sends a call again on the next connection. */
static void queue_again(HolderCalls *calls, ApiExchange *call)
{
        TAILQ_REMOVE(&calls->sent, call, entry);
        TAILQ_INSERT_HEAD(&calls->queued, call, entry);
        call->is_sent = false;
}

void holder_calls_disconnect(HolderCalls *calls)
{
        CallQueue lost = TAILQ_HEAD_INITIALIZER(lost);
        ApiExchange *call, *next;

        calls->channel = NULL;
        for (call = TAILQ_FIRST(&calls->sent); call; call = next) {
                next = TAILQ_NEXT(call, entry);
                if (call->once || call->n_sends >= SENDS_MAX) {
                        /* Not here: the function may start and cancel calls. */
                        (void) sd_event_source_set_time_relative(call->timer, 0);
                        continue;
                }
                TAILQ_REMOVE(&calls->sent, call, entry);
                TAILQ_INSERT_TAIL(&lost, call, entry);
        }
        TAILQ_CONCAT(&lost, &calls->queued, entry);
        TAILQ_CONCAT(&calls->queued, &lost, entry);
        TAILQ_FOREACH(call, &calls->queued, entry)
                call->is_sent = false;
}

void holder_calls_set_down(HolderCalls *calls, bool is_down)
{
        ApiExchange *call;

        calls->is_down = is_down;
        if (is_down && !calls->channel)
                TAILQ_FOREACH(call, &calls->queued, entry)
                        (void) sd_event_source_set_time_relative(call->timer, 0);
}

/* Replies */

static ApiExchange *find_call(const HolderCalls *calls, const ProtocolMessage *message)
{
        ApiExchange *call = calls->calls[message->id % PROTOCOL_CALLS_MAX];

        return call && call->id == message->id && call->is_sent &&
                               call->is_request == (message->type == PROTOCOL_REPLY)
                       ? call
                       : NULL;
}

/* Errors that only the key holder makes. */
static int result_of(int r)
{
        return r == -ESTALE || r == -ENOKEY || r == -EINVAL ? API_TRANSPORT_LOST : r;
}

static void on_reply(HolderCalls *calls, const ProtocolMessage *message)
{
        ApiExchange *call = find_call(calls, message);

        /* A reply may cross the CANCEL of its call. */
        if (call && message->reply.r == -ESHUTDOWN)
                queue_again(calls, call);
        else if (call)
                call_end(call, result_of(message->reply.r),
                         &(ApiReply){.status = message->reply.status,
                                     .body = message->texts[0].text,
                                     .body_len = message->texts[0].len,
                                     .retry_after_s = message->reply.retry_after_s,
                                     .date_ms = message->reply.date_ms,
                                     .connect_us = message->reply.connect_us,
                                     .slots = message->reply.slots});
}

static void on_proof(HolderCalls *calls, const ProtocolMessage *message)
{
        ApiExchange *call = find_call(calls, message);
        char proof[PROTOCOL_PROOF_LEN + 1] = "";

        memcpy(proof, message->proof.proof, PROTOCOL_PROOF_LEN);
        if (call && message->proof.r == -ESHUTDOWN)
                queue_again(calls, call);
        else if (call)
                call_end(call, result_of(message->proof.r),
                         &(ApiReply){.status = message->proof.r == 0 ? 200 : 0,
                                     .body = proof,
                                     .body_len = strlen(proof)});
}

void holder_calls_receive(HolderCalls *calls, const ProtocolMessage *message)
{
        if (message->type == PROTOCOL_REPLY)
                on_reply(calls, message);
        else
                on_proof(calls, message);
}

int holder_calls_new(sd_event *event, HolderCalls **ret)
{
        HolderCalls *calls = calloc(1, sizeof(HolderCalls));

        if (!calls)
                return -ENOMEM;
        calls->event = sd_event_ref(event);
        TAILQ_INIT(&calls->queued);
        TAILQ_INIT(&calls->sent);
        *ret = calls;
        return 0;
}

HolderCalls *holder_calls_free(HolderCalls *calls)
{
        if (!calls)
                return NULL;
        for (size_t i = 0; i < PROTOCOL_CALLS_MAX; i++)
                if (calls->calls[i])
                        call_free(calls->calls[i]);
        sd_event_unref(calls->event);
        free(calls);
        return NULL;
}

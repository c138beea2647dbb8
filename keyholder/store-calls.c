/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "keyholder/store-calls.h"

/* Replies lose their bodies while the daemon has this much to read. */
#define QUEUED_MAX ((size_t) 24 * 1024 * 1024)

typedef struct StoreCall {
        StoreCalls *calls;
        uint64_t id;
        StoreRequest *request;
        bool is_stream;
        bool is_paused;
        bool lacks_memory; /* and is paused */
        int64_t credit;
} StoreCall;

struct StoreCalls {
        Channel *channel;
        StoreCallsOwner owner;
        StoreCall *calls[PROTOCOL_STORE_CALLS_MAX]; /* by id */
        unsigned n_calls, n_streams;
        bool lacks_memory; /* a stream does */
};

static StoreCall **slot_of(StoreCalls *calls, uint64_t id)
{
        return &calls->calls[id % PROTOCOL_STORE_CALLS_MAX];
}

static StoreCall *find_call(StoreCalls *calls, uint64_t id)
{
        StoreCall *call = *slot_of(calls, id);

        return call && call->id == id ? call : NULL;
}

static void call_free(StoreCall *call)
{
        StoreCalls *calls = call->calls;

        *slot_of(calls, call->id) = NULL;
        calls->n_calls--;
        calls->n_streams -= call->is_stream;
        store_request_cancel(call->request);
        free(call);
}

static void send_reply(const StoreCalls *calls, uint64_t id, int r, const HttpReply *reply)
{
        ProtocolMessage message = {.type = PROTOCOL_STORE_REPLY, .id = id};

        if (r == 0 && channel_queued(calls->channel) > QUEUED_MAX)
                r = -EIO;
        message.store_reply.r = r;
        if (reply)
                message.store_reply.status = reply->status <= 999 ? reply->status : 999;
        if (r == 0)
                message.texts[0] = (ProtocolText){.text = reply->body, .len = reply->body_len};
        if (channel_send(calls->channel, &message) < 0) {
                message.store_reply.r = -ENOMEM;
                message.texts[0].len = 0;
                (void) channel_send(calls->channel, &message);
        }
}

static void on_end(int r, const HttpReply *reply, void *userdata)
{
        StoreCall *call = userdata;
        StoreCalls *calls = call->calls;

        call->request = NULL;
        send_reply(calls, call->id, r, reply);
        call_free(call);
        calls->owner.ended(calls->owner.userdata);
}

/* curl's pieces are shorter than a message. */
static bool on_data(const char *bytes, size_t len, void *userdata)
{
        StoreCall *call = userdata;
        const ProtocolMessage message = {.type = PROTOCOL_STORE_DATA,
                                         .id = call->id,
                                         .texts = {{.text = bytes, .len = len}}};

        assert(len <= PROTOCOL_DATA_MAX);
        if (len == 0)
                return true;
        call->is_paused = call->credit <= 0;
        if (!call->is_paused && channel_send(call->calls->channel, &message) < 0)
                call->is_paused = call->lacks_memory = call->calls->lacks_memory = true;
        if (call->is_paused)
                return false;
        call->credit -= (int64_t) len;
        return true;
}

static int start_call(StoreCalls *calls, const ProtocolMessage *message)
{
        StoreEndpoint *endpoint = NULL;
        StoreCall *call;
        int r;

        r = calls->owner.find(message->store_request.endpoint, calls->owner.userdata, &endpoint);
        if (r < 0)
                return r;
        call = calloc(1, sizeof(StoreCall));
        if (!call)
                return -ENOMEM;
        *call = (StoreCall){.calls = calls,
                            .id = message->id,
                            .is_stream = message->store_request.flags & PROTOCOL_STORE_STREAM,
                            .credit = PROTOCOL_STREAM_CREDIT};
        calls->n_calls++;
        calls->n_streams += call->is_stream;
        *slot_of(calls, call->id) = call;
        r = store_request_start(endpoint, message, on_data, on_end, call, &call->request);
        if (r < 0)
                call_free(call);
        return r;
}

static int on_request(StoreCalls *calls, const ProtocolMessage *message)
{
        int r;

        if (*slot_of(calls, message->id) || (message->store_request.flags & PROTOCOL_STORE_STREAM &&
                                             calls->n_streams >= PROTOCOL_STREAMS_MAX))
                return -EPROTO;
        r = start_call(calls, message);
        if (r < 0)
                send_reply(calls, message->id, r, NULL);
        return 0;
}

static void resume(StoreCall *call)
{
        call->is_paused = call->lacks_memory = false;
        store_request_resume(call->request);
}

/* The stream may have ended meanwhile. */
static int on_credit(StoreCalls *calls, const ProtocolMessage *message)
{
        StoreCall *call = find_call(calls, message->id);

        if (!call)
                return 0;
        call->credit += message->store_credit.n_bytes;
        if (!call->is_stream || call->credit > PROTOCOL_STREAM_CREDIT)
                return -EPROTO;
        if (call->is_paused && call->credit > 0)
                resume(call);
        return 0;
}

static void on_cancel(StoreCalls *calls, const ProtocolMessage *message)
{
        StoreCall *call = find_call(calls, message->id);

        if (call)
                call_free(call);
        calls->owner.ended(calls->owner.userdata);
}

int store_calls_receive(StoreCalls *calls, const ProtocolMessage *message)
{
        switch (message->type) {
        case PROTOCOL_STORE_REQUEST:
                return on_request(calls, message);
        case PROTOCOL_STORE_CREDIT:
                return on_credit(calls, message);
        default:
                on_cancel(calls, message);
                return 0;
        }
}

void store_calls_continue(StoreCalls *calls)
{
        if (!calls->lacks_memory)
                return;
        calls->lacks_memory = false;
        for (size_t i = 0; i < PROTOCOL_STORE_CALLS_MAX; i++)
                if (calls->calls[i] && calls->calls[i]->lacks_memory)
                        resume(calls->calls[i]);
}

void store_calls_end_streams(StoreCalls *calls)
{
        for (size_t i = 0; calls->n_streams > 0 && i < PROTOCOL_STORE_CALLS_MAX; i++) {
                StoreCall *call = calls->calls[i];

                if (call && call->is_stream) {
                        send_reply(calls, call->id, -ENOLINK, NULL);
                        call_free(call);
                }
        }
}

unsigned store_calls_count(const StoreCalls *calls)
{
        return calls->n_calls - calls->n_streams;
}

int store_calls_new(Channel *channel, const StoreCallsOwner *owner, StoreCalls **ret)
{
        StoreCalls *calls = calloc(1, sizeof(StoreCalls));

        if (!calls)
                return -ENOMEM;
        calls->channel = channel;
        calls->owner = *owner;
        *ret = calls;
        return 0;
}

StoreCalls *store_calls_free(StoreCalls *calls)
{
        if (!calls)
                return NULL;
        for (size_t i = 0; i < PROTOCOL_STORE_CALLS_MAX; i++)
                if (calls->calls[i])
                        call_free(calls->calls[i]);
        free(calls);
        return NULL;
}

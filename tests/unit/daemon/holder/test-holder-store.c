/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Requests to the store by a key holder, played by the test, that ends, stops or misbehaves. */

#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "daemon/holder/holder-store.h"
#include "tests/unit/test.h"

#define PATIENCE_MS 60000U

typedef struct Outcome {
        EtcdExchange *exchange;
        unsigned n_ended;
        int r;
        unsigned status;
        char body[128];
        size_t n_bytes;
        HolderStore *cancels_in; /* at its first data; NULL: does not */
} Outcome;

typedef struct Fixture {
        sd_event *event;
        HolderStore *store;
        Channel *ours, *theirs;
        int received_r; /* the result of holder_store_receive() */
        unsigned n_requests, n_credits, n_cancelled;
        uint64_t ids[64];
        ProtocolStoreRequest request; /* the last one */
        size_t credit;
} Fixture;

static int on_ours(const ProtocolMessage *message, void *userdata)
{
        Fixture *f = userdata;

        f->received_r = holder_store_receive(f->store, message);
        return 0;
}

static int on_theirs(const ProtocolMessage *message, void *userdata)
{
        Fixture *f = userdata;

        switch (message->type) {
        case PROTOCOL_STORE_REQUEST:
                f->request = message->store_request;
                assert_string_equal(message->texts[0].text, "{}");
                f->ids[f->n_requests++] = message->id;
                break;
        case PROTOCOL_STORE_CREDIT:
                f->n_credits++;
                f->credit += message->store_credit.n_bytes;
                break;
        default:
                assert_int_equal(message->type, PROTOCOL_STORE_CANCEL);
                f->n_cancelled++;
        }
        return 0;
}

static void on_closed(int r, void *userdata)
{
}

static void send_theirs(const Fixture *f, const ProtocolMessage *message)
{
        assert_int_equal(channel_send(f->theirs, message), 0);
}

static void run_for(const Fixture *f, uint64_t ms)
{
        for (uint64_t end_ms = monotonic_ms() + ms; monotonic_ms() < end_ms;)
                assert_true(sd_event_run(f->event, 1000) >= 0);
}

/* Until both ends have nothing to do. */
static void settle(const Fixture *f)
{
        while (sd_event_run(f->event, 0) > 0)
                ;
}

static void run_until(const Fixture *f, const unsigned *counter, unsigned n)
{
        uint64_t deadline_ms = monotonic_ms() + PATIENCE_MS;

        while (*counter < n) {
                assert_true(monotonic_ms() < deadline_ms);
                assert_true(sd_event_run(f->event, 100000) >= 0);
        }
}

static void send_state(const Fixture *f, unsigned n_endpoints, uint64_t serial, const char *fault)
{
        send_theirs(
                f, &(ProtocolMessage){.type = PROTOCOL_STORE_STATE,
                                      .store_state = {.serial = serial,
                                                      .n_endpoints = n_endpoints,
                                                      .fault = *fault ? PROTOCOL_FAULT_MISSING : 0},
                                      .texts = {PROTOCOL_TEXT(fault)}});
        settle(f);
}

static void connect_both(Fixture *f)
{
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(
                channel_new(
                        f->event, fds[0], PROTOCOL_DAEMON,
                        &(ChannelOwner){.received = on_ours, .closed = on_closed, .userdata = f},
                        &f->ours),
                0);
        assert_int_equal(
                channel_new(
                        f->event, fds[1], PROTOCOL_KEYHOLDER,
                        &(ChannelOwner){.received = on_theirs, .closed = on_closed, .userdata = f},
                        &f->theirs),
                0);
        send_state(f, 2, 1, "");
        holder_store_connect(f->store, f->ours);
}

static void disconnect_both(Fixture *f)
{
        f->ours = channel_free(f->ours);
        f->theirs = channel_free(f->theirs);
        holder_store_disconnect(f->store);
        f->n_requests = 0;
}

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));

        assert_non_null(f);
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_int_equal(holder_store_new(f->event, &f->store), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        holder_store_free(f->store);
        channel_free(f->ours);
        channel_free(f->theirs);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static void on_reply(int r, unsigned status, const char *body, size_t body_len, void *userdata)
{
        Outcome *outcome = userdata;

        outcome->n_ended++;
        outcome->r = r;
        outcome->status = status;
        if (body)
                memcpy(outcome->body, body, body_len + 1);
}

static void on_data(const char *data, size_t len, void *userdata)
{
        Outcome *outcome = userdata;

        assert_non_null(data);
        outcome->n_bytes += len;
        if (outcome->cancels_in)
                holder_store_cancel(TAKE_PTR(outcome->exchange));
}

static int try_start(const Fixture *f, Outcome *outcome, bool is_stream, EtcdRequest request)
{
        request.body = "{}";
        request.body_len = request.body_len ?: 2;
        request.timeout_ms = request.timeout_ms ?: PATIENCE_MS;
        return holder_store_start(f->store, &request, is_stream ? on_data : NULL, on_reply, outcome,
                                  &outcome->exchange);
}

static void start(const Fixture *f, Outcome *outcome, bool is_stream)
{
        *outcome = (Outcome){};
        assert_int_equal(try_start(f, outcome, is_stream,
                                   (EtcdRequest){.path = is_stream ? ETCD_WATCH : ETCD_KV_TXN,
                                                 .endpoint = 1,
                                                 .reply_len_max = 100,
                                                 .require_leader = is_stream}),
                         0);
        assert_int_equal(outcome->n_ended, 0);
}

static void reply(const Fixture *f, uint64_t id, int r, const char *body)
{
        send_theirs(f, &(ProtocolMessage){.type = PROTOCOL_STORE_REPLY,
                                          .id = id,
                                          .store_reply = {.r = r, .status = 200},
                                          .texts = {PROTOCOL_TEXT(body)}});
}

static void data(const Fixture *f, uint64_t id, size_t len)
{
        static char bytes[PROTOCOL_DATA_MAX];

        send_theirs(f, &(ProtocolMessage){.type = PROTOCOL_STORE_DATA,
                                          .id = id,
                                          .texts = {{.text = bytes, .len = len}}});
}

static void test_reply(void **state)
{
        Fixture *f = *state;
        Outcome outcome;

        connect_both(f);
        start(f, &outcome, false);
        run_until(f, &f->n_requests, 1);
        assert_int_equal(f->request.path, PROTOCOL_STORE_TXN);
        assert_int_equal(f->request.endpoint, 1);
        assert_int_equal(f->request.flags, 0);
        assert_int_equal(f->request.reply_len_max, 100);
        assert_in_range(f->request.timeout_ms, 1, PATIENCE_MS);
        assert_true(holder_store_await(f->store));
        reply(f, f->ids[0] + PROTOCOL_STORE_CALLS_MAX, 0, "{}"); /* of no request */
        reply(f, f->ids[0], 0, "{1}");
        reply(f, f->ids[0], 0, "{2}");
        run_until(f, &outcome.n_ended, 1);
        settle(f);
        assert_int_equal(outcome.n_ended, 1);
        assert_int_equal(outcome.r, 0);
        assert_int_equal(outcome.status, 200);
        assert_string_equal(outcome.body, "{1}");
        assert_false(holder_store_await(f->store));
}

static void test_errors(void **state)
{
        static const struct {
                int sent, got;
        } cases[] = {{-ESTALE, -ENOTCONN},     {-ENOKEY, -ENOKEY}, {-EACCES, -EACCES},
                     {-EBADMSG, -EPROTO},      {-EMFILE, -ENOMEM}, {-ECONNREFUSED, -ECONNREFUSED},
                     {-ETIMEDOUT, -ETIMEDOUT}, {-EXFULL, -EIO},    {-ENOLINK, -ENOLINK}};
        Fixture *f = *state;

        connect_both(f);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Outcome outcome;

                start(f, &outcome, false);
                run_until(f, &f->n_requests, (unsigned) i + 1);
                reply(f, f->ids[i], cases[i].sent, "");
                run_until(f, &outcome.n_ended, 1);
                assert_int_equal(outcome.r, cases[i].got);
        }
}

/* Credit is given back in halves. */
static void test_stream(void **state)
{
        Fixture *f = *state;
        Outcome outcome;

        connect_both(f);
        start(f, &outcome, true);
        run_until(f, &f->n_requests, 1);
        assert_int_equal(f->request.flags, PROTOCOL_STORE_STREAM | PROTOCOL_STORE_REQUIRE_LEADER);
        assert_int_equal(f->request.reply_len_max, 0);
        assert_false(holder_store_await(f->store));
        for (size_t i = 1; i <= 9; i++) {
                data(f, f->ids[0], PROTOCOL_DATA_MAX);
                settle(f);
                assert_int_equal(outcome.n_bytes, i * PROTOCOL_DATA_MAX);
                assert_int_equal(f->credit, i / 2 * 2 * PROTOCOL_DATA_MAX);
        }
        reply(f, f->ids[0], 0, "");
        run_until(f, &outcome.n_ended, 1);
        assert_int_equal(outcome.r, 0);
        assert_int_equal(outcome.status, 200);
        data(f, f->ids[0], 1);
        settle(f);
        assert_int_equal(f->received_r, 0);
}

static void test_violations(void **state)
{
        Fixture *f = *state;
        Outcome request, stream;

        connect_both(f);
        start(f, &request, false);
        start(f, &stream, true);
        run_until(f, &f->n_requests, 2);
        data(f, f->ids[0], 1);
        settle(f);
        assert_int_equal(f->received_r, -EPROTO);
        reply(f, f->ids[1], 0, "body");
        settle(f);
        assert_int_equal(f->received_r, -EPROTO);
        assert_true(request.n_ended == 0 && stream.n_ended == 0);
}

static void test_cancel(void **state)
{
        Fixture *f = *state;
        Outcome request, stream;

        connect_both(f);
        start(f, &request, false);
        start(f, &stream, true);
        stream.cancels_in = f->store;
        run_until(f, &f->n_requests, 2);
        holder_store_cancel(request.exchange);
        reply(f, f->ids[0], 0, "{}");
        data(f, f->ids[1], PROTOCOL_DATA_MAX);
        data(f, f->ids[1], PROTOCOL_DATA_MAX);
        run_until(f, &f->n_cancelled, 2);
        settle(f);
        assert_true(request.n_ended == 0 && stream.n_ended == 0);
        assert_int_equal(stream.n_bytes, PROTOCOL_DATA_MAX);
        assert_int_equal(f->n_credits, 0);
}

/* A key holder ends: nothing that was sent is repeated, the rest waits for the next one. */
static void test_disconnect(void **state)
{
        Fixture *f = *state;
        Outcome request, stream, cancelled, later;

        connect_both(f);
        start(f, &request, false);
        start(f, &stream, true);
        start(f, &cancelled, false);
        run_until(f, &f->n_requests, 3);
        disconnect_both(f);
        assert_true(request.n_ended == 0 && stream.n_ended == 0);
        holder_store_cancel(cancelled.exchange); /* before it is reported */
        start(f, &later, false);
        run_until(f, &request.n_ended, 1);
        run_until(f, &stream.n_ended, 1);
        assert_true(request.r == -ENOLINK && stream.r == -ENOLINK);
        run_for(f, 20);
        connect_both(f);
        run_until(f, &f->n_requests, 1);
        assert_in_range(f->request.timeout_ms, 1, PATIENCE_MS - 15);
        reply(f, f->ids[0], 0, "{}");
        run_until(f, &later.n_ended, 1);
        assert_int_equal(later.r, 0);
        assert_true(request.n_ended == 1 && stream.n_ended == 1 && cancelled.n_ended == 0);
}

/* STOPPING: streams end, requests are completed or, if they crossed it, sent again. */
static void test_stopping(void **state)
{
        Fixture *f = *state;
        Outcome completed, crossed, stream, queued;

        connect_both(f);
        start(f, &completed, false);
        start(f, &crossed, false);
        start(f, &stream, true);
        run_until(f, &f->n_requests, 3);
        holder_store_pause(f->store);
        start(f, &queued, true);
        run_until(f, &stream.n_ended, 1);
        assert_int_equal(stream.r, -ENOLINK);
        reply(f, f->ids[0], 0, "{}");
        reply(f, f->ids[1], -ESHUTDOWN, "");
        run_until(f, &completed.n_ended, 1);
        settle(f);
        assert_int_equal(completed.r, 0);
        assert_true(crossed.n_ended == 0 && queued.n_ended == 0);
        assert_int_equal(f->n_requests, 3);
        assert_int_equal(f->n_cancelled, 0);
        assert_int_equal(holder_store_n_endpoints(f->store), 2);
        disconnect_both(f);
        connect_both(f);
        run_until(f, &f->n_requests, 2);
        settle(f);
        assert_true(crossed.n_ended == 0 && queued.n_ended == 0);
}

/* No key holder can be started. */
static void test_down(void **state)
{
        Fixture *f = *state;
        Outcome waiting, refused;

        assert_int_equal(try_start(f, &refused, false, (EtcdRequest){}), -ENOTCONN);
        connect_both(f);
        disconnect_both(f);
        start(f, &waiting, false);
        holder_store_set_down(f->store, true);
        run_until(f, &waiting.n_ended, 1);
        assert_int_equal(waiting.r, -ENOTCONN);
        assert_int_equal(holder_store_n_endpoints(f->store), 0);
        assert_int_equal(try_start(f, &refused, false, (EtcdRequest){}), -ENOTCONN);
        connect_both(f);
        assert_int_equal(holder_store_n_endpoints(f->store), 2);
}

static void test_deadlines(void **state)
{
        Fixture *f = *state;
        Outcome unsent = {}, hanging = {}, stream = {};

        connect_both(f);
        disconnect_both(f);
        assert_int_equal(try_start(f, &unsent, false, (EtcdRequest){.timeout_ms = 50}), 0);
        run_until(f, &unsent.n_ended, 1);
        assert_int_equal(unsent.r, -ENOTCONN);
        connect_both(f);
        assert_int_equal(try_start(f, &hanging, false, (EtcdRequest){.timeout_ms = 50}), 0);
        assert_int_equal(try_start(f, &stream, true, (EtcdRequest){.timeout_ms = 50}), 0);
        run_until(f, &hanging.n_ended, 1);
        assert_int_equal(hanging.r, -ETIMEDOUT);
        run_until(f, &f->n_cancelled, 1);
        run_for(f, 100);
        assert_int_equal(stream.n_ended, 0);
}

static void test_limits(void **state)
{
        Fixture *f = *state;
        Outcome streams[PROTOCOL_STREAMS_MAX], more = {};

        connect_both(f);
        for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
                start(f, &streams[i], true);
        assert_int_equal(try_start(f, &more, true, (EtcdRequest){}), -ENOBUFS);
        holder_store_cancel(streams[0].exchange);
        assert_int_equal(try_start(f, &more, true, (EtcdRequest){}), 0);
        assert_int_equal(try_start(f, &more, false, (EtcdRequest){.endpoint = 2}), -ENOTCONN);
        assert_int_equal(
                try_start(f, &more, false, (EtcdRequest){.body_len = PROTOCOL_BODY_MAX + 1}),
                -EMSGSIZE);
        assert_int_equal(
                try_start(f, &more, false, (EtcdRequest){.reply_len_max = PROTOCOL_REPLY_MAX + 1}),
                -EMSGSIZE);
        for (size_t i = ARRAY_SIZE(streams); i < PROTOCOL_STORE_CALLS_MAX; i++)
                assert_int_equal(holder_store_start(f->store,
                                                    &(EtcdRequest){.body = "{}",
                                                                   .body_len = 2,
                                                                   .timeout_ms = PATIENCE_MS},
                                                    NULL, on_reply, &more, &more.exchange),
                                 0);
        assert_int_equal(try_start(f, &more, false, (EtcdRequest){}), -ENOBUFS);
}

static void test_state(void **state)
{
        Fixture *f = *state;
        const HolderStoreState *store = holder_store_get_state(f->store);
        uint64_t serial;

        assert_true(store->serial == 0 && *store->text == '\0');
        connect_both(f);
        serial = store->serial;
        assert_true(serial != 0 && store->n_endpoints == 2 && store->fault == HOLDER_FAULT_NONE);
        send_state(f, 2, 1, "no credential");
        assert_int_equal(store->serial, serial);
        assert_int_equal(store->fault, HOLDER_FAULT_MISSING);
        assert_string_equal(store->text, "no credential");
        send_state(f, 3, 2, "");
        assert_int_equal(holder_store_n_endpoints(f->store), 3);
        assert_true(store->serial != serial && *store->text == '\0');
        serial = store->serial;
        disconnect_both(f);
        connect_both(f);
        assert_true(store->serial != serial);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(reply),     TEST(errors),     TEST(stream),   TEST(violations),
                TEST(cancel),    TEST(disconnect), TEST(stopping), TEST(down),
                TEST(deadlines), TEST(limits),     TEST(state),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

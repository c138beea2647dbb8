/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Requests to a key holder, played by the test, that ends, hangs or misbehaves. */

#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "daemon/holder/holder-calls.h"
#include "tests/unit/test.h"

#define PATIENCE_MS 60000U

typedef struct Outcome {
        unsigned n_ended;
        int r;
        unsigned status;
        char body[128];
} Outcome;

typedef struct Fixture {
        sd_event *event;
        HolderCalls *calls;
        Channel *ours, *theirs;
        unsigned n_received;
        uint64_t ids[PROTOCOL_CALLS_MAX]; /* of the requests that the key holder got */
        unsigned n_cancelled;
        uint32_t timeout_ms; /* of the last one */
        unsigned type;
} Fixture;

static int on_ours(const ProtocolMessage *message, void *userdata)
{
        const Fixture *f = userdata;

        holder_calls_receive(f->calls, message);
        return 0;
}

static int on_theirs(const ProtocolMessage *message, void *userdata)
{
        Fixture *f = userdata;

        if (message->type == PROTOCOL_CANCEL) {
                f->n_cancelled++;
                return 0;
        }
        f->type = message->type;
        f->timeout_ms = message->type == PROTOCOL_REQUEST ? message->request.timeout_ms : 0;
        f->ids[f->n_received++] = message->id;
        return 0;
}

static void on_closed(int r, void *userdata)
{
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
        holder_calls_connect(f->calls, f->ours);
}

static void disconnect_both(Fixture *f)
{
        f->ours = channel_free(f->ours);
        f->theirs = channel_free(f->theirs);
        holder_calls_disconnect(f->calls);
        f->n_received = 0;
}

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));

        assert_non_null(f);
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_int_equal(holder_calls_new(f->event, &f->calls), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        holder_calls_free(f->calls);
        channel_free(f->ours);
        channel_free(f->theirs);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static void on_reply(int r, const ApiReply *reply, void *userdata)
{
        Outcome *outcome = userdata;

        outcome->n_ended++;
        outcome->r = r;
        outcome->status = reply->status;
        memcpy(outcome->body, reply->body, reply->body_len + 1);
}

static ApiExchange *start(Fixture *f, Outcome *outcome, bool once, uint64_t timeout_ms)
{
        const ApiRequest request = {.account = 1,
                                    .tenancy_id = "t",
                                    .path = "/x",
                                    .timeout_ms = timeout_ms,
                                    .reply_len_max = 100,
                                    .once = once};
        ApiExchange *call = NULL;

        *outcome = (Outcome){};
        assert_int_equal(holder_call_start(f->calls, &request, on_reply, outcome, &call), 0);
        assert_int_equal(outcome->n_ended, 0);
        return call;
}

static void run_until(const Fixture *f, const unsigned *counter, unsigned n)
{
        uint64_t deadline_ms = monotonic_ms() + PATIENCE_MS;

        while (*counter < n) {
                assert_true(monotonic_ms() < deadline_ms);
                assert_true(sd_event_run(f->event, 100000) >= 0);
        }
}

static void run_for(const Fixture *f, uint64_t ms)
{
        for (uint64_t end_ms = monotonic_ms() + ms; monotonic_ms() < end_ms;)
                assert_true(sd_event_run(f->event, 1000) >= 0);
}

static void reply(const Fixture *f, uint64_t id, int r)
{
        assert_int_equal(
                channel_send(f->theirs, &(ProtocolMessage){.type = PROTOCOL_REPLY,
                                                           .id = id,
                                                           .reply = {.r = r, .status = 200},
                                                           .texts = {PROTOCOL_TEXT("{}")}}),
                0);
}

static void test_reply(void **state)
{
        Fixture *f = *state;
        Outcome outcome;

        connect_both(f);
        start(f, &outcome, false, PATIENCE_MS);
        run_until(f, &f->n_received, 1);
        assert_in_range(f->timeout_ms, 1, PATIENCE_MS);
        reply(f, f->ids[0] + PROTOCOL_CALLS_MAX, 0); /* of no call */
        reply(f, f->ids[0] + 1, 0);
        reply(f, f->ids[0], 0);
        reply(f, f->ids[0], 0); /* again */
        run_until(f, &outcome.n_ended, 1);
        run_for(f, 20);
        assert_int_equal(outcome.n_ended, 1);
        assert_int_equal(outcome.r, 0);
        assert_int_equal(outcome.status, 200);
        assert_string_equal(outcome.body, "{}");
}

/* Errors of the key holder itself are failures of the transport; others are the API's. */
static void test_errors(void **state)
{
        static const struct {
                int sent, got;
        } cases[] = {{-ESTALE, API_TRANSPORT_LOST},
                     {-ENOKEY, API_TRANSPORT_LOST},
                     {-EINVAL, API_TRANSPORT_LOST},
                     {-ECONNREFUSED, -ECONNREFUSED},
                     {-EMFILE, -EMFILE},
                     {-ETIMEDOUT, -ETIMEDOUT}};
        Fixture *f = *state;

        connect_both(f);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Outcome outcome;

                start(f, &outcome, false, PATIENCE_MS);
                run_until(f, &f->n_received, (unsigned) i + 1);
                reply(f, f->ids[i], cases[i].sent);
                run_until(f, &outcome.n_ended, 1);
                assert_int_equal(outcome.r, cases[i].got);
        }
}

static void test_cancel(void **state)
{
        Fixture *f = *state;
        Outcome outcome;
        ApiExchange *call;

        connect_both(f);
        call = start(f, &outcome, false, PATIENCE_MS);
        run_until(f, &f->n_received, 1);
        holder_call_cancel(call);
        reply(f, f->ids[0], 0);
        run_until(f, &f->n_cancelled, 1);
        run_for(f, 20);
        assert_int_equal(outcome.n_ended, 0);
}

/* Requests that were not sent wait for the next key holder, whether repeatable or not. */
static void test_waiting(void **state)
{
        Fixture *f = *state;
        Outcome outcomes[2];

        start(f, &outcomes[0], false, PATIENCE_MS);
        start(f, &outcomes[1], true, PATIENCE_MS);
        disconnect_both(f);
        run_for(f, 20);
        connect_both(f);
        run_until(f, &f->n_received, 2);
        assert_in_range(f->timeout_ms, 1, PATIENCE_MS - 15);
        reply(f, f->ids[0], 0);
        reply(f, f->ids[1], 0);
        run_until(f, &outcomes[1].n_ended, 1);
        assert_true(outcomes[0].r == 0 && outcomes[1].r == 0);
}

static void test_repeat(void **state)
{
        Fixture *f = *state;
        Outcome once, repeatable, later;

        connect_both(f);
        start(f, &once, true, PATIENCE_MS);
        start(f, &repeatable, false, PATIENCE_MS);
        run_until(f, &f->n_received, 2);
        disconnect_both(f);
        assert_int_equal(once.n_ended, 0); /* not from here */
        start(f, &later, false, PATIENCE_MS);
        run_until(f, &once.n_ended, 1);
        assert_int_equal(once.r, API_TRANSPORT_LOST);
        assert_int_equal(repeatable.n_ended, 0);

        connect_both(f);
        run_until(f, &f->n_received, 2);
        assert_true(f->ids[0] < f->ids[1]); /* in their order */
        reply(f, f->ids[0], 0);
        reply(f, f->ids[1], 0);
        run_until(f, &later.n_ended, 1);
        assert_true(repeatable.n_ended == 1 && repeatable.r == 0 && later.r == 0);
}

/* A request that ends each key holder is given up. */
static void test_deadly_request(void **state)
{
        Fixture *f = *state;
        unsigned n_sends = 0;
        Outcome outcome;

        start(f, &outcome, false, PATIENCE_MS);
        while (outcome.n_ended == 0) {
                connect_both(f);
                while (outcome.n_ended == 0 && f->n_received == 0)
                        assert_true(sd_event_run(f->event, 100000) >= 0);
                n_sends += f->n_received;
                disconnect_both(f);
        }
        assert_int_equal(n_sends, 3);
        assert_int_equal(outcome.r, API_TRANSPORT_LOST);
}

static void test_deadline(void **state)
{
        Fixture *f = *state;
        uint64_t begin_ms = monotonic_ms();
        Outcome sent, waiting;

        start(f, &waiting, false, 50);
        run_until(f, &waiting.n_ended, 1);
        assert_int_equal(waiting.r, API_TRANSPORT_LOST);
        assert_in_range(monotonic_ms() - begin_ms, 50, PATIENCE_MS);
        connect_both(f);
        start(f, &sent, true, 50);
        run_until(f, &sent.n_ended, 1);
        assert_int_equal(sent.r, API_TRANSPORT_LOST);
        run_until(f, &f->n_cancelled, 1);
}

/* Requests fail at once, those that wait already as well. */
static void test_down(void **state)
{
        Fixture *f = *state;
        Outcome before, after, connected;

        start(f, &before, false, PATIENCE_MS);
        holder_calls_set_down(f->calls, true);
        run_until(f, &before.n_ended, 1);
        assert_int_equal(before.r, API_TRANSPORT_LOST);
        start(f, &after, false, PATIENCE_MS);
        run_until(f, &after.n_ended, 1);
        assert_int_equal(after.r, API_TRANSPORT_LOST);
        connect_both(f);
        start(f, &connected, false, PATIENCE_MS);
        run_until(f, &f->n_received, 1);
        run_for(f, 20);
        assert_int_equal(connected.n_ended, 0);
}

static void test_limit(void **state)
{
        Fixture *f = *state;
        static Outcome outcomes[PROTOCOL_CALLS_MAX];
        const ApiRequest request = {
                .account = 1, .tenancy_id = "t", .path = "/x", .timeout_ms = PATIENCE_MS};
        ApiExchange *first = NULL, *untouched = (ApiExchange *) 1, *call;

        for (size_t i = 0; i < PROTOCOL_CALLS_MAX; i++) {
                call = start(f, &outcomes[i], false, PATIENCE_MS);
                first = first ?: call;
        }
        assert_int_equal(holder_call_start(f->calls, &request, on_reply, &outcomes[0], &untouched),
                         -ENOBUFS);
        assert_ptr_equal(untouched, (ApiExchange *) 1);
        holder_call_cancel(first);
        start(f, &outcomes[0], false, PATIENCE_MS);
        connect_both(f);
        run_until(f, &f->n_received, PROTOCOL_CALLS_MAX);
}

static void test_invalid(void **state)
{
        Fixture *f = *state;
        char path[PROTOCOL_PATH_MAX + 2];
        ApiExchange *untouched = (ApiExchange *) 1;
        ApiRequest request = {.account = 1, .tenancy_id = "t", .path = path, .timeout_ms = 1};

        memset(path, '/', sizeof(path));
        path[sizeof(path) - 1] = '\0';
        assert_int_equal(holder_call_start(f->calls, &request, on_reply, NULL, &untouched),
                         -EINVAL);
        assert_ptr_equal(untouched, (ApiExchange *) 1);
}

static void test_proof(void **state)
{
        Fixture *f = *state;
        const ApiRequest request = {.kind = API_REQUEST_KEY_PROOF,
                                    .account = 1,
                                    .tenancy_id = "t",
                                    .path = "nonce",
                                    .timeout_ms = PATIENCE_MS};
        ProtocolMessage proof = {.type = PROTOCOL_PROOF};
        Outcome outcome = {};
        ApiExchange *call;

        connect_both(f);
        assert_int_equal(holder_call_start(f->calls, &request, on_reply, &outcome, &call), 0);
        run_until(f, &f->n_received, 1);
        assert_int_equal(f->type, PROTOCOL_PROVE);
        reply(f, f->ids[0], 0); /* no answer to that */
        proof.id = f->ids[0];
        memset(proof.proof.proof, 'a', sizeof(proof.proof.proof));
        assert_int_equal(channel_send(f->theirs, &proof), 0);
        run_until(f, &outcome.n_ended, 1);
        assert_int_equal(outcome.status, 200);
        assert_int_equal(strlen(outcome.body), PROTOCOL_PROOF_LEN);
}

/* A key holder that stops replies to the requests that it has, the next one gets the others, also
 * those that must be sent once. */
static void test_pause(void **state)
{
        Fixture *f = *state;
        Outcome before, crossing, after;
        uint64_t crossing_id;

        connect_both(f);
        start(f, &before, true, PATIENCE_MS);
        start(f, &crossing, true, PATIENCE_MS);
        run_until(f, &f->n_received, 2);
        crossing_id = f->ids[1];
        holder_calls_pause(f->calls);
        start(f, &after, true, PATIENCE_MS);
        reply(f, crossing_id, -ESHUTDOWN);
        reply(f, f->ids[0], 0);
        run_until(f, &before.n_ended, 1);
        assert_int_equal(before.r, 0);
        assert_false(holder_calls_await(f->calls));
        assert_int_equal(f->n_received, 2);

        disconnect_both(f);
        connect_both(f);
        run_until(f, &f->n_received, 2);
        assert_int_equal(f->ids[0], crossing_id);
        reply(f, f->ids[0], 0);
        reply(f, f->ids[1], 0);
        run_until(f, &crossing.n_ended, 1);
        run_until(f, &after.n_ended, 1);
        assert_int_equal(crossing.r, 0);
        assert_int_equal(after.r, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(reply),  TEST(errors),         TEST(cancel),   TEST(waiting),
                TEST(repeat), TEST(deadly_request), TEST(deadline), TEST(down),
                TEST(limit),  TEST(invalid),        TEST(proof),    TEST(pause),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

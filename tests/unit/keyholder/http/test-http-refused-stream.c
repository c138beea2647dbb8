/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A request that HTTP/2 reports as unprocessed is repeated; one that may have been processed is
 * not, if sent once. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "keyholder/http/http-refused-stream.h"
#include "tests/unit/keyholder/http/h2-peer.h"
#include "tests/unit/keyholder/http/http-outcome.h"
#include "tests/unit/test.h"

static TlsPeer *certificate;

/* The peer's reactions to the requests of a test, in order; then it answers. */
typedef struct Script {
        H2Verdict (*steps[8])(const H2Stream *stream);
} Script;

typedef struct Fixture {
        sd_event *event;
        HttpClient *client;
        H2Peer *peer;
        Script script;
        char url[128];
        HttpRequest request;
        HttpOutcome outcome;
} Fixture;

static H2Verdict follow(H2Peer *peer, const H2Stream *stream, void *userdata)
{
        const Script *script = userdata;
        size_t i = stream->n - 1;

        if (i < ARRAY_SIZE(script->steps) && script->steps[i])
                return script->steps[i](stream);
        h2_reply(stream);
        return H2_GO_ON;
}

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));

        assert_non_null(f);
        assert_int_equal(sd_event_new(&f->event), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        http_client_free(f->client);
        h2_peer_free(f->peer);
        http_outcome_clear(&f->outcome);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static void serve(Fixture *f, const Script *script)
{
        f->client = http_client_free(f->client);
        h2_peer_free(f->peer);
        f->script = *script;
        f->peer = h2_peer_new(certificate, follow, &f->script);
        assert_int_equal(http_client_new(f->event, tls_peer_ca_file(certificate), &f->client), 0);
        snprintf(f->url, sizeof(f->url), "https://localhost:%u/", h2_peer_port(f->peer));
        f->request = (HttpRequest){.url = f->url, .timeout_ms = 30000, .reply_len_max = 65536};
}

static void get(Fixture *f, bool once)
{
        f->request.once = once;
        http_outcome_get(f->event, f->client, &f->request, &f->outcome);
}

static H2Verdict answer(const H2Stream *stream)
{
        h2_reply(stream);
        return H2_GO_ON;
}

/* Guaranteed unprocessed. */

static H2Verdict refuse(const H2Stream *stream)
{
        h2_reset(stream, H2_REFUSED_STREAM);
        return H2_GO_ON;
}

static H2Verdict refuse_and_close(const H2Stream *stream)
{
        h2_reset(stream, H2_REFUSED_STREAM);
        return H2_CLOSE;
}

static H2Verdict refuse_and_say_goodbye(const H2Stream *stream)
{
        h2_reset(stream, H2_REFUSED_STREAM);
        return H2_CLOSE_NOTIFY;
}

/* A GOAWAY with a later last stream, and REFUSED_STREAM for this one. */
static H2Verdict go_away_and_refuse(const H2Stream *stream)
{
        h2_cork(stream);
        h2_reset(stream, H2_REFUSED_STREAM);
        h2_goaway(stream, stream->id, H2_NO_ERROR);
        h2_flush(stream);
        return H2_GO_ON;
}

/* The last stream id is below this stream: client streams have odd numbers. */
static H2Verdict leave_out(const H2Stream *stream)
{
        h2_goaway(stream, stream->id == 1 ? 0 : stream->id - 2, H2_NO_ERROR);
        return H2_GO_ON;
}

static H2Verdict leave_out_and_close(const H2Stream *stream)
{
        leave_out(stream);
        return H2_CLOSE;
}

/* No guarantee, or possibly processed. */

static H2Verdict close_it(const H2Stream *stream)
{
        return H2_CLOSE;
}

static H2Verdict say_goodbye(const H2Stream *stream)
{
        return H2_CLOSE_NOTIFY;
}

static H2Verdict reset_it(const H2Stream *stream)
{
        return H2_RESET;
}

static H2Verdict go_away_and_close(const H2Stream *stream)
{
        h2_goaway(stream, stream->id, H2_NO_ERROR);
        return H2_CLOSE;
}

static H2Verdict go_away_and_say_goodbye(const H2Stream *stream)
{
        h2_goaway(stream, stream->id, H2_NO_ERROR);
        return H2_CLOSE_NOTIFY;
}

static H2Verdict fail_inside(const H2Stream *stream)
{
        h2_reset(stream, H2_INTERNAL_ERROR);
        return H2_GO_ON;
}

static H2Verdict cancel(const H2Stream *stream)
{
        h2_reset(stream, H2_CANCEL);
        return H2_GO_ON;
}

static H2Verdict end_for_no_reason(const H2Stream *stream)
{
        h2_reset(stream, H2_NO_ERROR);
        return H2_GO_ON;
}

static H2Verdict demand_http1(const H2Stream *stream)
{
        h2_reset(stream, H2_HTTP_1_1_REQUIRED);
        return H2_GO_ON;
}

/* Too late: there was a reply. */
static H2Verdict refuse_after_reply(const H2Stream *stream)
{
        h2_cork(stream);
        h2_reply_headers(stream);
        h2_reset(stream, H2_REFUSED_STREAM);
        h2_flush(stream);
        return H2_GO_ON;
}

static H2Verdict break_the_protocol(const H2Stream *stream)
{
        h2_send(stream, H2_DATA, 0, 0, "hi", 2);
        return H2_GO_ON;
}

static H2Verdict break_the_frame(const H2Stream *stream)
{
        h2_send(stream, H2_RST_STREAM, 0, stream->id, "x", 1);
        return H2_GO_ON;
}

static H2Verdict break_the_headers(const H2Stream *stream)
{
        h2_send(stream, H2_HEADERS, H2_END_HEADERS, stream->id, "\xff\xff\xff\xff\xff\xff", 6);
        return H2_GO_ON;
}

/* A body without headers: a stream error, detected by the client. */
static H2Verdict break_the_stream(const H2Stream *stream)
{
        h2_send(stream, H2_DATA, H2_END_STREAM, stream->id, "hi", 2);
        return H2_GO_ON;
}

static H2Verdict break_the_stream_and_go_away(const H2Stream *stream)
{
        h2_cork(stream);
        h2_send(stream, H2_DATA, H2_END_STREAM, stream->id, "hi", 2);
        h2_goaway(stream, stream->id, H2_NO_ERROR);
        h2_flush(stream);
        return H2_GO_ON;
}

/* ":status: xyz", which is no status. */
static H2Verdict break_the_reply_and_go_away(const H2Stream *stream)
{
        h2_cork(stream);
        h2_send(stream, H2_HEADERS, H2_END_HEADERS, stream->id, "\x08\x03xyz", 5);
        h2_goaway(stream, stream->id, H2_NO_ERROR);
        h2_flush(stream);
        return H2_GO_ON;
}

static H2Verdict break_tls(const H2Stream *stream)
{
        h2_send_raw(stream, "\x17\x03\x03\x00\x20................................", 37);
        return H2_GO_ON;
}

static H2Verdict break_off_tls(const H2Stream *stream)
{
        h2_send_raw(stream, "this is no TLS at all", 21);
        return H2_GO_ON;
}

typedef struct Step {
        const char *name;
        H2Verdict (*func)(const H2Stream *stream);
} Step;

#define STEP(name) \
        { \
#name, name \
        }

/* Runs the step for the request after `n_before` others on its connection. Returns how often the
 * peer received the request. */
static unsigned run(Fixture *f, const Step *step, unsigned n_before, bool once, uint64_t timeout_ms)
{
        Script script = {};
        unsigned n;

        for (unsigned i = 0; i < n_before; i++)
                script.steps[i] = answer;
        script.steps[n_before] = step->func;
        serve(f, &script);
        for (unsigned i = 0; i < n_before; i++) {
                get(f, i % 2);
                assert_int_equal(f->outcome.r, 0);
        }
        assert_in_range(h2_peer_n_connections(f->peer), 0, 1);
        f->request.timeout_ms = timeout_ms;
        get(f, once);
        n = h2_peer_n_requests(f->peer) - n_before;
        if ((f->outcome.r == 0) != (n == 2) || n == 0)
                print_message("# %s after %u: %d, %u times\n", step->name, n_before, f->outcome.r,
                              n);
        return n;
}

/* curl handles the first stream of a connection unlike later ones. */
enum { N_BEFORE_MAX = 2 };

static void test_refused(void **state)
{
        static const Step step = STEP(refuse);
        Fixture *f = *state;

        for (unsigned n = 0; n <= N_BEFORE_MAX; n++)
                for (int once = 0; once < 2; once++) {
                        assert_int_equal(run(f, &step, n, once, 30000), 2);
                        assert_int_equal(f->outcome.r, 0);
                        assert_string_equal(f->outcome.body, "hi");
                        assert_int_equal(h2_peer_n_connections(f->peer), 2);
                }
}

/* Retries are limited. */
static void test_refused_again_and_again(void **state)
{
        static const Script script = {{refuse, refuse, refuse, refuse, refuse, refuse, refuse}};
        Fixture *f = *state;

        for (int once = 0; once < 2; once++) {
                serve(f, &script);
                get(f, once);
                assert_int_equal(f->outcome.r, -EPROTO);
                assert_int_equal(h2_peer_n_requests(f->peer), 3);
        }
}

/* The body is repeated. */
static void test_refused_post(void **state)
{
        static const Script script = {{answer, refuse}};
        Fixture *f = *state;

        serve(f, &script);
        get(f, true);
        f->request.body = "{\"a\":1}";
        f->request.body_len = strlen(f->request.body);
        get(f, true);
        assert_int_equal(f->outcome.r, 0);
        assert_int_equal(h2_peer_n_requests(f->peer), 3);
}

/* Other guarantees. curl may see the closed connection first; then it is an error without a retry.
 */
static void test_goaway_below_stream(void **state)
{
        static const Step steps[] = {
                STEP(refuse_and_close),   STEP(refuse_and_say_goodbye),
                STEP(go_away_and_refuse), STEP(refuse_after_reply),
                STEP(leave_out),          STEP(leave_out_and_close),
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
                for (unsigned n = 0; n <= N_BEFORE_MAX; n++) {
                        if (run(f, &steps[i], n, true, 30000) == 1)
                                assert_int_equal(f->outcome.r, -EPROTO);
                        else
                                assert_int_equal(f->outcome.r, 0);
                }
}

static void test_not_refused(void **state)
{
        static const Step steps[] = {
                STEP(close_it),
                STEP(say_goodbye),
                STEP(reset_it),
                STEP(go_away_and_close),
                STEP(go_away_and_say_goodbye),
                STEP(fail_inside),
                STEP(cancel),
                STEP(end_for_no_reason),
                STEP(demand_http1),
                STEP(break_the_protocol),
                STEP(break_the_frame),
                STEP(break_the_headers),
                STEP(break_the_stream),
                STEP(break_the_stream_and_go_away),
                STEP(break_the_reply_and_go_away),
                STEP(break_tls),
                STEP(break_off_tls),
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
                for (unsigned n = 0; n <= N_BEFORE_MAX; n++) {
                        /* a newer curl waits for more after some of these */
                        assert_int_equal(run(f, &steps[i], n, true, 3000), 1);
                        assert_in_range(-f->outcome.r, 1, 4095);
                }
}

static H2Verdict hang(const H2Stream *stream)
{
        return H2_GO_ON;
}

/* A call that hangs on a drained connection blocks neither retries nor new calls. */
static void test_refused_beside_others(void **state)
{
        static H2Verdict (*const leave[])(const H2Stream *stream) = {refuse, leave_out};
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(leave); i++) {
                const Script script = {{answer, hang, leave[i]}};
                HttpOutcome hanging = {};

                serve(f, &script);
                get(f, true);
                f->request.timeout_ms = 60000;
                assert_int_equal(http_call_start(f->client, &f->request, http_outcome_fill,
                                                 &hanging, &hanging.call),
                                 0);
                while (h2_peer_n_requests(f->peer) < 2)
                        assert_true(sd_event_run(f->event, 1000) >= 0);
                f->request.timeout_ms = 30000;
                for (int n = 0; n < 2; n++) {
                        get(f, true);
                        assert_int_equal(f->outcome.r, 0);
                }
                assert_int_equal(h2_peer_n_requests(f->peer), 5);
                assert_int_equal(hanging.n_ended, 0);
                assert_int_equal(h2_peer_n_connections(f->peer), 2);
                http_call_cancel(hanging.call);
        }
}

/* Checks the test: curl does retry idempotent requests. */
static void test_idempotent_is_retried(void **state)
{
        static const Step step = STEP(reset_it);
        Fixture *f = *state;

        assert_int_equal(run(f, &step, 1, false, 30000), 2);
        assert_int_equal(f->outcome.r, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(refused),
                TEST(refused_again_and_again),
                TEST(refused_post),
                TEST(goaway_below_stream),
                TEST(not_refused),
                TEST(refused_beside_others),
                TEST(idempotent_is_retried),
        };
        int r;

        if (!http_refused_stream_is_detectable()) {
                puts("1..0 # SKIP this libcurl is not known to tell");
                return 0;
        }
        signal(SIGPIPE, SIG_IGN);
        unsetenv("https_proxy");
        unsetenv("HTTPS_PROXY");
        unsetenv("all_proxy");
        unsetenv("ALL_PROXY");
        certificate = tls_peer_new_http1(0);
        if (!certificate) {
                puts("1..0 # SKIP needs openssl");
                return 0;
        }
        r = cmocka_run_group_tests(tests, NULL, NULL);
        tls_peer_free(certificate);
        return r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Replies that are passed on while they are received. */

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "tests/unit/keyholder/http/http-outcome.h"
#include "tests/unit/keyholder/http/raw-peer.h"
#include "tests/unit/test.h"

#define HEADERS "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

/* More than the socket buffers of both ends. */
#define LARGE_LEN ((size_t) 48 * 1024 * 1024)

typedef struct Stream {
        HttpCall *call;
        HttpOutcome outcome;
        bool is_paused;
        size_t n_bytes, n_refused;
        bool is_large;
        char text[64];
} Stream;

typedef struct Fixture {
        sd_event *event;
        HttpClient *client;
        RawPeer *peer;
        char url[256];
        HttpRequest request;
        Stream stream;
} Fixture;

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));

        assert_non_null(f);
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_int_equal(http_client_new(f->event, NULL, &f->client), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        http_client_free(f->client);
        raw_peer_free(f->peer);
        http_outcome_clear(&f->stream.outcome);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static bool on_data(const char *bytes, size_t len, void *userdata)
{
        Stream *stream = userdata;

        if (stream->is_paused) {
                stream->n_refused++;
                return false;
        }
        for (size_t i = 0; i < len; i++, stream->n_bytes++)
                if (stream->n_bytes < sizeof(stream->text) - 1)
                        stream->text[stream->n_bytes] = bytes[i];
                else if (stream->is_large && (uint8_t) bytes[i] != (uint8_t) stream->n_bytes)
                        abort();
        return true;
}

static void on_end(int r, const HttpReply *reply, void *userdata)
{
        Stream *stream = userdata;

        assert_int_equal(reply->body_len, 0);
        http_outcome_fill(r, reply, &stream->outcome);
        stream->call = NULL;
}

static void start_stream(Fixture *f, Stream *stream)
{
        assert_int_equal(
                http_stream_start(f->client, &f->request, on_data, on_end, stream, &stream->call),
                0);
}

static void serve(Fixture *f, RawPeerFunc func, const void *userdata)
{
        f->peer = raw_peer_new(func, (void *) userdata);
        f->request = http_get(f->url, sizeof(f->url), raw_peer_port(f->peer), "/");
        start_stream(f, &f->stream);
}

static bool has_ended(void *userdata)
{
        const Stream *stream = userdata;

        return stream->outcome.n_ended > 0;
}

static bool has_bytes(void *userdata)
{
        const Stream *stream = userdata;

        return stream->n_bytes > 0;
}

static bool was_refused(void *userdata)
{
        const Stream *stream = userdata;

        return stream->n_refused > 0;
}

static void run_for(const Fixture *f, uint64_t ms)
{
        for (uint64_t end_ms = monotonic_ms() + ms; monotonic_ms() < end_ms;)
                assert_true(sd_event_run(f->event, 1000) >= 0);
}

/* The text, after headers that come alone. */
static void serve_text(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        if (raw_peer_read(peer, fd))
                raw_peer_print(fd, userdata);
}

static void test_stream(void **state)
{
        Fixture *f = *state;

        serve(f, serve_text, HEADERS "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
        run_until(f->event, has_ended, &f->stream);
        assert_int_equal(f->stream.outcome.r, 0);
        assert_int_equal(f->stream.outcome.status, 200);
        assert_string_equal(f->stream.text, "abcde");
}

static void test_truncated(void **state)
{
        Fixture *f = *state;

        serve(f, serve_text, HEADERS "3\r\nabc\r\n2\r\n");
        run_until(f->event, has_ended, &f->stream);
        assert_int_equal(f->stream.outcome.r, -EPROTO);
        assert_string_equal(f->stream.text, "abc");
}

/* The body of a failure is data as well. */
static void test_status(void **state)
{
        Fixture *f = *state;

        serve(f, serve_text, "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno");
        run_until(f->event, has_ended, &f->stream);
        assert_int_equal(f->stream.outcome.r, 0);
        assert_int_equal(f->stream.outcome.status, 401);
        assert_string_equal(f->stream.text, "no");
}

static void serve_first_chunk(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        if (raw_peer_read(peer, fd) && raw_peer_print(fd, userdata))
                raw_peer_hang(fd);
}

/* The timeout is for the headers. */
static void test_timeout(void **state)
{
        Fixture *f = *state;

        serve(f, serve_first_chunk, "HTTP/1.1 100 Continue\r\n\r\n");
        http_call_cancel(TAKE_PTR(f->stream.call));
        f->request.timeout_ms = 200;
        start_stream(f, &f->stream);
        run_until(f->event, has_ended, &f->stream);
        assert_int_equal(f->stream.outcome.r, -ETIMEDOUT);
        f->peer = raw_peer_free(f->peer);
        http_outcome_clear(&f->stream.outcome);

        serve(f, serve_first_chunk, HEADERS "1\r\na\r\n");
        http_call_cancel(TAKE_PTR(f->stream.call));
        f->stream = (Stream){};
        f->request.timeout_ms = 200;
        start_stream(f, &f->stream);
        run_until(f->event, has_bytes, &f->stream);
        run_for(f, 500);
        assert_int_equal(f->stream.outcome.n_ended, 0);
        http_call_cancel(TAKE_PTR(f->stream.call));
        run_for(f, 10);
        assert_int_equal(f->stream.outcome.n_ended, 0);
}

/* The first connection gets a large body; others get a short reply. */
static void serve_large(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        static uint8_t block[65536];
        char headers[128];

        if (n > 1) {
                while (raw_peer_read(peer, fd))
                        raw_peer_print(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
                return;
        }
        for (size_t i = 0; i < sizeof(block); i++)
                block[i] = (uint8_t) i;
        snprintf(headers, sizeof(headers), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                 LARGE_LEN);
        if (!raw_peer_read(peer, fd) || !raw_peer_print(fd, headers))
                return;
        for (size_t i = 0; i < LARGE_LEN / sizeof(block); i++) {
                if (!raw_peer_write(fd, (const char *) block, sizeof(block)))
                        return;
                *(_Atomic size_t *) userdata += sizeof(block);
        }
}

/* A paused stream stops the peer, but no other call, and then continues without a gap. */
static void test_pause(void **state)
{
        Fixture *f = *state;
        _Atomic size_t n_sent = 0;
        HttpOutcome other = {};
        size_t n_before;

        f->stream.is_paused = f->stream.is_large = true;
        serve(f, serve_large, &n_sent);
        run_until(f->event, was_refused, &f->stream);
        for (unsigned i = 0; i < 20; i++) {
                http_outcome_get(f->event, f->client, &f->request, &other);
                assert_int_equal(other.r, 0);
                assert_string_equal(other.body, "hi");
        }
        http_outcome_clear(&other);
        n_before = n_sent;
        run_for(f, 300);
        assert_int_equal(f->stream.n_refused, 1); /* nothing is polled meanwhile */
        assert_int_equal(f->stream.n_bytes, 0);
        assert_true(n_sent < LARGE_LEN && n_before <= n_sent);

        /* Again and again, with a refusal in the middle of the resumed call. */
        for (unsigned i = 0; i < 50; i++) {
                http_stream_resume(f->stream.call);
                f->stream.is_paused = false;
                run_for(f, 1);
                if (!f->stream.call)
                        break;
                http_stream_resume(f->stream.call);
                f->stream.is_paused = true;
                run_for(f, 1);
        }
        f->stream.is_paused = false;
        if (f->stream.call)
                http_stream_resume(f->stream.call);
        run_until(f->event, has_ended, &f->stream);
        assert_int_equal(f->stream.outcome.r, 0);
        assert_int_equal(f->stream.n_bytes, LARGE_LEN);
}

static void test_cancel_while_paused(void **state)
{
        Fixture *f = *state;
        _Atomic size_t n_sent = 0;

        f->stream.is_paused = true;
        serve(f, serve_large, &n_sent);
        run_until(f->event, was_refused, &f->stream);
        http_call_cancel(TAKE_PTR(f->stream.call));
        run_for(f, 10);
        raw_peer_wait_closed(f->peer); /* its connection is gone */
        assert_int_equal(f->stream.outcome.n_ended, 0);
}

static void test_free_while_paused(void **state)
{
        Fixture *f = *state;
        _Atomic size_t n_sent = 0;

        f->stream.is_paused = true;
        serve(f, serve_large, &n_sent);
        run_until(f->event, was_refused, &f->stream);
        f->client = http_client_free(f->client);
        raw_peer_wait_closed(f->peer);
        assert_int_equal(f->stream.outcome.n_ended, 0);
}

/* Request 70 and later get a short reply, the others a stream that does not end. */
static void serve_streams(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        if (n <= 70) {
                serve_first_chunk(peer, fd, n, userdata);
                return;
        }
        while (raw_peer_read(peer, fd))
                raw_peer_print(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
}

/* Streams do not count for the maximum of connections. */
static void test_many(void **state)
{
        Fixture *f = *state;
        Stream streams[70] = {};
        HttpOutcome other = {};

        f->peer = raw_peer_new(serve_streams, (void *) HEADERS "1\r\na\r\n");
        f->request = http_get(f->url, sizeof(f->url), raw_peer_port(f->peer), "/");
        for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
                start_stream(f, &streams[i]);
        for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
                run_until(f->event, has_bytes, &streams[i]);
        http_outcome_get(f->event, f->client, &f->request, &other);
        assert_int_equal(other.r, 0);
        http_outcome_clear(&other);
        for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
                http_call_cancel(streams[i].call);
}

static void test_headers(void **state)
{
        Fixture *f = *state;
        _cleanup_(secret_unrefp) Secret *token = NULL;
        _cleanup_(freep) char *sent = NULL;

        assert_int_equal(secret_new("abc.1", 5, &token), 0);
        f->peer = raw_peer_new(serve_text, (void *) HEADERS "0\r\n\r\n");
        f->request = http_get(f->url, sizeof(f->url), raw_peer_port(f->peer), "/");
        f->request.token = token;
        f->request.header = "Grpc-Metadata-hasleader: true";
        start_stream(f, &f->stream);
        run_until(f->event, has_ended, &f->stream);
        assert_int_equal(f->stream.outcome.r, 0);
        sent = raw_peer_request(f->peer);
        assert_non_null(strstr(sent, "\r\nAuthorization: abc.1\r\n"));
        assert_non_null(strstr(sent, "\r\nGrpc-Metadata-hasleader: true\r\n"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(stream),
                TEST(truncated),
                TEST(status),
                TEST(timeout),
                TEST(pause),
                TEST(cancel_while_paused),
                TEST(free_while_paused),
                TEST(many),
                TEST(headers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "tests/unit/keyholder/http/http-outcome.h"
#include "tests/unit/keyholder/http/raw-peer.h"
#include "tests/unit/keyholder/http/tls-peer.h"
#include "tests/unit/test.h"

typedef struct Fixture {
        sd_event *event;
        HttpClient *client;
        TlsPeer *peer;
        char url[128];
        HttpRequest request;
        HttpOutcome outcome;
} Fixture;

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
        tls_peer_free(f->peer);
        http_outcome_clear(&f->outcome);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static void fixture_connect(Fixture *f, const char *host, const char *ca_file)
{
        http_client_free(f->client);
        assert_int_equal(http_client_new(f->event, ca_file, &f->client), 0);
        snprintf(f->url, sizeof(f->url), "https://%s:%u/", host, tls_peer_port(f->peer));
        f->request = (HttpRequest){.url = f->url, .timeout_ms = 30000, .reply_len_max = 65536};
}

/* Skips the test if the server is not installed. */
static void fixture_serve(Fixture *f, TlsPeer *peer, const char *needs)
{
        if (!peer) {
                print_message("# skipped: needs %s\n", needs);
                skip();
        }
        f->peer = peer;
        fixture_connect(f, "localhost", tls_peer_ca_file(peer));
}

static void fixture_get(Fixture *f)
{
        http_outcome_get(f->event, f->client, &f->request, &f->outcome);
}

static void test_trust(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, tls_peer_new_http1(0), "openssl");
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
        assert_int_equal(f->outcome.status, 200);
        assert_string_equal(f->outcome.body, "hi");

        fixture_connect(f, "localhost", NULL);
        fixture_get(f);
        assert_int_equal(f->outcome.r, -EKEYREJECTED);
        assert_int_equal(f->outcome.status, 0);

        /* a good certificate, for another name */
        fixture_connect(f, "127.0.0.1", tls_peer_ca_file(f->peer));
        fixture_get(f);
        assert_int_equal(f->outcome.r, -EKEYREJECTED);

        fixture_connect(f, "localhost", "/nonexistent");
        fixture_get(f);
        assert_int_equal(f->outcome.r, -ENOENT);
}

static void test_private_ca_is_the_only_one(void **state)
{
        Fixture *f = *state;
        TlsPeer *other = tls_peer_new_http1(0);

        fixture_serve(f, tls_peer_new_http1(0), "openssl");
        fixture_connect(f, "localhost", tls_peer_ca_file(other));
        fixture_get(f);
        assert_int_equal(f->outcome.r, -EKEYREJECTED);
        tls_peer_free(other);
}

static void answer_in_clear(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        char hello[4096];

        if (read(fd, hello, sizeof(hello)) > 0)
                raw_peer_print(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
}

static void test_no_tls(void **state)
{
        Fixture *f = *state;
        RawPeer *peer = raw_peer_new(answer_in_clear, NULL);

        assert_int_equal(http_client_new(f->event, NULL, &f->client), 0);
        snprintf(f->url, sizeof(f->url), "https://127.0.0.1:%u/", raw_peer_port(peer));
        f->request = (HttpRequest){.url = f->url, .timeout_ms = 30000, .reply_len_max = 65536};
        fixture_get(f);
        assert_int_equal(f->outcome.r, -EPROTO);
        assert_int_equal(f->outcome.status, 0);
        raw_peer_free(peer);
}

/* A proxy that refuses; `userdata` is its reply. */
static void refuse_to_connect(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        if (raw_peer_read(peer, fd))
                raw_peer_print(fd, userdata);
}

/* A proxy's reply is not taken for the peer's. */
static void test_proxy_refuses(void **state)
{
        static const char *const replies[] = {
                "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
                "HTTP/1.1 429 Slow\r\nRetry-After: 45\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 404 No\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
        };
        Fixture *f = *state;

        assert_int_equal(http_client_new(f->event, NULL, &f->client), 0);
        for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
                RawPeer *proxy = raw_peer_new(refuse_to_connect, (void *) replies[i]);
                char url[64];

                snprintf(url, sizeof(url), "http://127.0.0.1:%u", raw_peer_port(proxy));
                assert_int_equal(setenv("https_proxy", url, 1), 0);
                f->request = (HttpRequest){
                        .url = "https://api.invalid/", .timeout_ms = 30000, .reply_len_max = 65536};
                fixture_get(f);
                assert_int_equal(unsetenv("https_proxy"), 0);
                assert_int_equal(raw_peer_n_requests(proxy), 1);
                assert_int_equal(f->outcome.r, -EPROTO);
                assert_int_equal(f->outcome.status, 0);
                assert_int_equal(f->outcome.retry_after_s, 0);
                assert_int_equal(f->outcome.date_ms, 0);
                raw_peer_free(proxy);
        }
}

/* The peer sends a TLS alert that curl sees only after the next request. */
static void test_once_after_idle_close(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, tls_peer_new_http1(1), "openssl");
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
        tls_peer_wait_closed(f->peer);
        f->request.once = true;
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
}

static bool all_have_ended(void *userdata)
{
        for (HttpOutcome *outcome = userdata; outcome->call; outcome++)
                if (outcome->n_ended == 0)
                        return false;
        return true;
}

enum { N_CALLS = 300 };

static void get_many(Fixture *f, unsigned n)
{
        HttpOutcome outcomes[N_CALLS + 1] = {};

        for (unsigned i = 0; i < n; i++)
                assert_int_equal(http_call_start(f->client, &f->request, http_outcome_fill,
                                                 &outcomes[i], &outcomes[i].call),
                                 0);
        run_until(f->event, all_have_ended, outcomes);
        for (unsigned i = 0; i < n; i++) {
                assert_int_equal(outcomes[i].n_ended, 1);
                assert_int_equal(outcomes[i].r, 0);
                assert_string_equal(outcomes[i].body, "hi");
                http_outcome_clear(&outcomes[i]);
        }
}

/* All requests arrive before any is answered. */
static void get_together(Fixture *f, unsigned n)
{
        tls_peer_gather(f->peer, n);
        get_many(f, n);
}

/* HTTP/1.1 uses a connection per call, once detected. */
static void test_http1_calls_together(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, tls_peer_new_http1(0), "openssl");
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
        get_together(f, 40);
        assert_in_range(tls_peer_n_connections(f->peer), 40, 64);
}

static void test_http2_calls_together(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, tls_peer_new_http2(1000), "nghttpx");
        get_together(f, 50); /* while the connection is being made, */
        get_together(f, 50); /* and when it is warm */
        assert_int_equal(tls_peer_n_connections(f->peer), 1);
        get_together(f, N_CALLS);
        assert_int_equal(tls_peer_n_connections(f->peer), 1);
}

/* More calls than curl sends before it knows the peer's limit of streams. */
static void test_http2_burst(void **state)
{
        Fixture *f = *state;
        unsigned n;

        fixture_serve(f, tls_peer_new_http2(1000), "nghttpx");
        get_together(f, N_CALLS);
        n = tls_peer_n_connections(f->peer);
        assert_in_range(n, 1, 4);
        get_together(f, N_CALLS);
        assert_int_equal(tls_peer_n_connections(f->peer), n);
}

/* More calls than the peer's limit of streams: curl opens a few more connections; then calls
 * wait. */
static void test_http2_peer_limits_streams(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, tls_peer_new_http2(50), "nghttpx");
        fixture_get(f); /* after the peer has announced its limit */
        get_many(f, N_CALLS);
        assert_in_range(tls_peer_n_connections(f->peer), 1, 4);
}

/* A dead connection costs one call, not the next. */
static void test_dead_http2_connection(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, tls_peer_new_http2(1000), "nghttpx");
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);

        tls_peer_freeze(f->peer);
        f->request.timeout_ms = 2000; /* long enough to be sent */
        fixture_get(f);
        assert_int_equal(f->outcome.r, -ETIMEDOUT);

        f->request.timeout_ms = 30000;
        for (int i = 0; i < 3; i++) {
                fixture_get(f);
                assert_int_equal(f->outcome.r, 0);
        }
        assert_int_equal(tls_peer_n_connections(f->peer), 2);
}

/* One hanging call does not close a working connection. */
static void test_slow_http2_call(void **state)
{
        Fixture *f = *state;
        HttpOutcome slow[2] = {};
        HttpRequest request;
        char url[sizeof(f->url) + 8];

        fixture_serve(f, tls_peer_new_http2(1000), "nghttpx");
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);

        snprintf(url, sizeof(url), "%shang", f->url);
        request = (HttpRequest){.url = url, .timeout_ms = 4000, .reply_len_max = 65536};
        assert_int_equal(
                http_call_start(f->client, &request, http_outcome_fill, &slow[0], &slow[0].call),
                0);
        for (int i = 0; i < 5; i++) {
                fixture_get(f);
                assert_int_equal(f->outcome.r, 0);
        }
        assert_int_equal(slow[0].n_ended, 0);
        run_until(f->event, all_have_ended, slow);
        assert_int_equal(slow[0].r, -ETIMEDOUT);
        http_outcome_clear(&slow[0]);

        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
        assert_int_equal(tls_peer_n_connections(f->peer), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(trust),
                TEST(private_ca_is_the_only_one),
                TEST(no_tls),
                TEST(proxy_refuses),
                TEST(once_after_idle_close),
                TEST(http1_calls_together),
                TEST(http2_calls_together),
                TEST(http2_burst),
                TEST(http2_peer_limits_streams),
                TEST(dead_http2_connection),
                TEST(slow_http2_call),
        };

        unsetenv("https_proxy");
        unsetenv("HTTPS_PROXY");
        unsetenv("all_proxy");
        unsetenv("ALL_PROXY");
        unsetenv("no_proxy");
        unsetenv("NO_PROXY");
        return cmocka_run_group_tests(tests, NULL, NULL);
}

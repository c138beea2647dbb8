/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/clock.h"
#include "build-config.h"
#include "keyholder/http/http-date.h"
#include "tests/unit/keyholder/http/http-outcome.h"
#include "tests/unit/keyholder/http/raw-peer.h"
#include "tests/unit/test.h"

typedef struct Fixture {
        sd_event *event;
        HttpClient *client;
        RawPeer *peer;
        char url[256];
        HttpRequest request;
        HttpOutcome outcome;
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
        http_outcome_clear(&f->outcome);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static void fixture_serve(Fixture *f, RawPeerFunc func, void *userdata)
{
        raw_peer_free(f->peer);
        f->peer = raw_peer_new(func, userdata);
        f->request = http_get(f->url, sizeof(f->url), raw_peer_port(f->peer), "/");
}

static void fixture_get(Fixture *f)
{
        http_outcome_get(f->event, f->client, &f->request, &f->outcome);
}

#define OK_HI "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static void serve_well(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        while (raw_peer_read(peer, fd))
                raw_peer_print(fd, OK_HI);
}

/* One reply, given as text, then the end of the connection. */
static void serve_text(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        if (raw_peer_read(peer, fd))
                raw_peer_print(fd, userdata);
}

static void hang(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        if (raw_peer_read(peer, fd))
                raw_peer_hang(fd);
}

static void test_get(void **state)
{
        Fixture *f = *state;
        _cleanup_(freep) char *sent = NULL;

        fixture_serve(f, serve_well, NULL);
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
        assert_int_equal(f->outcome.status, 200);
        assert_string_equal(f->outcome.body, "hi");
        assert_int_equal(f->outcome.retry_after_s, 0);

        sent = raw_peer_request(f->peer);
        assert_ptr_equal(strstr(sent, "GET / HTTP/1.1\r\n"), sent);
        assert_non_null(strstr(sent, "\r\nAccept: application/json\r\n"));
        assert_non_null(strstr(sent, "\r\nUser-Agent: passlockd/" PACKAGE_VERSION "\r\n"));
        assert_null(strcasestr(sent, "\r\nContent-Type:"));
        assert_null(strcasestr(sent, "\r\nAuthorization:"));
        assert_null(strcasestr(sent, "\r\nExpect:"));
        assert_null(strcasestr(sent, "\r\nCookie:"));
        assert_null(strcasestr(sent, "\r\nAccept-Encoding:"));
}

static void test_post(void **state)
{
        Fixture *f = *state;
        _cleanup_(secret_unrefp) Secret *key = NULL;
        _cleanup_(freep) char *sent = NULL, *body = NULL;
        const size_t body_len = 20000; /* more than what makes curl say Expect: */

        assert_int_equal(secret_new("sk_1", 4, &key), 0);
        body = malloc(body_len + 1);
        assert_non_null(body);
        memset(body, 'j', body_len);
        body[body_len] = '\0';

        fixture_serve(f, serve_well, NULL);
        f->request.body = body;
        f->request.body_len = body_len;
        f->request.bearer = key;
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);

        sent = raw_peer_request(f->peer);
        assert_ptr_equal(strstr(sent, "POST / HTTP/1.1\r\n"), sent);
        assert_non_null(strstr(sent, "\r\nAuthorization: Bearer sk_1\r\n"));
        assert_non_null(strstr(sent, "\r\nContent-Type: application/json\r\n"));
        assert_non_null(strstr(sent, "\r\nContent-Length: 20000\r\n"));
        assert_null(strcasestr(sent, "\r\nExpect:"));
        assert_string_equal(strstr(sent, "\r\n\r\n") + 4, body);
}

static void test_path_is_sent_as_it_is(void **state)
{
        Fixture *f = *state;
        _cleanup_(freep) char *sent = NULL;

        fixture_serve(f, serve_well, NULL);
        f->request =
                http_get(f->url, sizeof(f->url), raw_peer_port(f->peer), "/a/../b%2Fc%00?d=%26");
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
        sent = raw_peer_request(f->peer);
        assert_ptr_equal(strstr(sent, "GET /a/../b%2Fc%00?d=%26 HTTP/1.1\r\n"), sent);
}

static void test_connection_is_kept(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, serve_well, NULL);
        for (int i = 0; i < 3; i++) {
                f->request.once = i == 2;
                fixture_get(f);
                assert_int_equal(f->outcome.r, 0);
        }
        assert_int_equal(raw_peer_n_connections(f->peer), 1);
        assert_int_equal(raw_peer_n_requests(f->peer), 3);
}

#define MANY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_replies(void **state)
{
        const struct {
                const char *reply;
                int r;
                unsigned status;
                uint32_t retry_after_s;
                const char *body;
        } cases[] = {
                {"HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx", 0, 404, 0, "x"},
                {"HTTP/1.1 204 No Content\r\n\r\n", 0, 204, 0, ""},
                {"HTTP/1.0 200 OK\r\n\r\nto the end", 0, 200, 0, "to the end"},
                {"HTTP/1.1 100 Continue\r\n\r\n" OK_HI, 0, 200, 0, "hi"},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 0,
                 200, 0, "hi"},
                /* redirects are not followed */
                {"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", 0, 302,
                 0, ""},
                {"HTTP/1.1 429 Slow\r\nRetry-After: 45\r\nContent-Length: 0\r\n\r\n", 0, 429, 45,
                 ""},
                {"HTTP/1.1 429 Slow\r\nretry-after: 4294967295\r\nContent-Length: 0\r\n\r\n", 0,
                 429, UINT32_MAX, ""},
                {"HTTP/1.1 429 Slow\r\nRetry-After: 4294967296\r\nContent-Length: 0\r\n\r\n", 0,
                 429, UINT32_MAX, ""},
                {"HTTP/1.1 429 Slow\r\nRetry-After: 99999999999999999999999\r\n"
                 "Content-Length: 0\r\n\r\n",
                 0, 429, UINT32_MAX, ""},
                {"HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nRetry-After: 3\r\nRetry-After: 2\r\n"
                 "Content-Length: 0\r\n\r\n",
                 0, 429, 3, ""},
                {"HTTP/1.1 429 Slow\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", 0, 429, 0, ""},
                /* cut off */
                {"", -EPROTO, 0, 0, ""},
                {"HTTP/1.1 200 OK\r\nContent-Le", -EPROTO, 0, 0, ""},
                {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", -EPROTO, 200, 0, "hi"},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhi", -EPROTO, 200, 0,
                 "hi"},
                {"HTTP/1.1 100 Continue\r\n\r\n", -EPROTO, 100, 0, ""},
                /* not HTTP */
                {"SSH-2.0-OpenSSH_9.2p1\r\n", -EPROTO, 0, 0, ""},
                {"{\"_tag\":\"Passkey\"}", -EPROTO, 0, 0, ""},
                {"\0\1\2\3", -EPROTO, 0, 0, ""},
                {"HTTP/9.7 200 OK\r\n\r\n", -EPROTO, 0, 0, ""},
                {"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nhi", -EPROTO, 0, 0, ""},
                /* two lengths */
                {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 1\r\n\r\nhi", -EBADMSG,
                 200, 0, ""},
                {"HTTP/1.1 403 No\r\nContent-Length: 1\r\nX: y\r\nContent-Length: 2\r\n\r\nhi",
                 -EBADMSG, 403, 0, ""},
                {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nHTTP/x: y\r\nContent-Length: 2\r\n\r\nhi",
                 -EBADMSG, 200, 0, ""},
                {"HTTP/1.1 200 OK\r\nContent-Length: 2, 1\r\n\r\nhi", -EBADMSG, 200, 0, ""},
                {"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nhi", -EBADMSG, 200, 0, ""},
                {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length:2 \r\n\r\nhi", 0, 200, 0,
                 "hi"},
                {"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n" OK_HI, 0, 200, 0, "hi"},
                /* trailers are ignored */
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
                 "HTTP/x: y\r\n\r\n",
                 0, 200, 0, "hi"},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
                 "Content-Length: 7\r\n\r\n",
                 0, 200, 0, "hi"},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                fixture_serve(f, serve_text, (void *) cases[i].reply);
                fixture_get(f);
                if (f->outcome.r != cases[i].r || f->outcome.status != cases[i].status)
                        print_message("# case %zu: %d, %u\n", i, f->outcome.r, f->outcome.status);
                assert_int_equal(f->outcome.r, cases[i].r);
                assert_int_equal(f->outcome.status, cases[i].status);
                assert_int_equal(f->outcome.retry_after_s, cases[i].retry_after_s);
                assert_string_equal(f->outcome.body, cases[i].body);
                assert_int_equal(raw_peer_n_requests(f->peer), 1);
        }
}

static void serve_nul(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        if (raw_peer_read(peer, fd)) {
                raw_peer_print(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
                raw_peer_write(fd, "a\0b", 3);
        }
}

static void test_nul_in_body(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, serve_nul, NULL);
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
        assert_int_equal(f->outcome.body_len, 3);
        assert_memory_equal(f->outcome.body, "a\0b", 4);
}

/* Sends as many bytes as `userdata`. */
static void serve_many_bytes(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        size_t len = *(size_t *) userdata;
        char chunk[1024], head[128];

        memset(chunk, 'a', sizeof(chunk));
        snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
        if (!raw_peer_read(peer, fd) || !raw_peer_print(fd, head))
                return;
        while (len > 0) {
                size_t part = len < sizeof(chunk) ? len : sizeof(chunk);

                if (!raw_peer_write(fd, chunk, part))
                        return;
                len -= part;
        }
        raw_peer_hang(fd);
}

static void test_body_is_capped(void **state)
{
        const struct {
                size_t len, max;
                int r;
        } cases[] = {
                {65536, 65536, 0},
                {65537, 65536, -EMSGSIZE},
                {20 << 20, 65536, -EMSGSIZE},
                {1, 0, -EMSGSIZE},
                {0, 0, 0},
                {1000, 1000, 0},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                size_t len = cases[i].len;

                fixture_serve(f, serve_many_bytes, &len);
                f->request.reply_len_max = cases[i].max;
                fixture_get(f);
                assert_int_equal(f->outcome.r, cases[i].r);
                assert_int_equal(f->outcome.status, 200);
                assert_true(f->outcome.body_len <= cases[i].max);
                if (cases[i].r == 0)
                        assert_int_equal(f->outcome.body_len, len);
                /* the peer's thread ends before `len` does */
                f->peer = raw_peer_free(f->peer);
        }
}

static void serve_endless_headers(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        if (!raw_peer_read(peer, fd) || !raw_peer_print(fd, "HTTP/1.1 200 OK\r\n"))
                return;
        while (raw_peer_print(fd, "X-More: " MANY_A MANY_A "\r\n"))
                ;
}

static void serve_endless_line(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        if (!raw_peer_read(peer, fd) || !raw_peer_print(fd, "HTTP/1.1 200 OK\r\nX-More: "))
                return;
        while (raw_peer_print(fd, MANY_A))
                ;
}

static void serve_endless_interim_replies(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        if (!raw_peer_read(peer, fd))
                return;
        while (raw_peer_print(fd, "HTTP/1.1 100 Continue\r\n\r\n"))
                ;
}

static void test_headers_are_capped(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, serve_endless_headers, NULL);
        fixture_get(f);
        assert_int_equal(f->outcome.r, -EBADMSG);
        assert_int_equal(f->outcome.status, 200);

        fixture_serve(f, serve_endless_line, NULL);
        fixture_get(f);
        assert_int_equal(f->outcome.r, -EBADMSG);
        assert_int_equal(f->outcome.status, 200);

        fixture_serve(f, serve_endless_interim_replies, NULL);
        fixture_get(f);
        assert_int_equal(f->outcome.r, -EBADMSG);
        assert_int_equal(f->outcome.status, 100);
}

/* A header line over our limit and, later, over curl's. */
static void serve_long_line(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        if (!raw_peer_read(peer, fd) || !raw_peer_print(fd, "HTTP/1.1 503 Busy\r\nX-More: "))
                return;
        for (size_t len = *(size_t *) userdata; len > 0; len -= 64)
                if (!raw_peer_print(fd, MANY_A))
                        return;
        raw_peer_print(fd, "\r\nContent-Length: 2\r\n\r\nhi");
        raw_peer_hang(fd);
}

static void test_long_header_lines(void **state)
{
        static size_t lens[] = {60 << 10, 65 << 10, 99 << 10, 101 << 10, 200 << 10, 400 << 10};
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
                fixture_serve(f, serve_long_line, &lens[i]);
                fixture_get(f);
                assert_int_equal(f->outcome.r, i == 0 ? 0 : -EBADMSG);
                assert_int_equal(f->outcome.status, 503);
                f->peer = raw_peer_free(f->peer);
        }
}

/* Date and Retry-After, by the peer's clock or else ours. */
static void test_dates(void **state)
{
#define DATE      "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define DATE_MS   UINT64_C(784111777000)
#define AT(value) "Retry-After: " value "\r\n"
        static const struct {
                const char *headers;
                uint64_t date_ms;
                uint32_t retry_after_s;
        } cases[] = {
                {"", 0, 0},
                {DATE, DATE_MS, 0},
                {"date: Sunday, 06-Nov-94 08:49:37 GMT\r\n", DATE_MS, 0},
                {"Date: Sun Nov  6 08:49:37 1994\r\n", DATE_MS, 0},
                {DATE AT("Sun, 06 Nov 1994 08:49:47 GMT"), DATE_MS, 10},
                {DATE AT("Sunday, 06-Nov-94 08:50:37 GMT"), DATE_MS, 60},
                {DATE AT("Sun, 06 Nov 1994 08:49:37 GMT"), DATE_MS, 0},
                {DATE AT("Sun, 06 Nov 1994 08:49:36 GMT"), DATE_MS, 0},
                {DATE AT("Fri, 31 Dec 9999 23:59:59 GMT"), DATE_MS, UINT32_MAX},
                {DATE AT("7"), DATE_MS, 7},
                /* relative to our clock without a Date */
                {AT("Sun, 06 Nov 1994 08:49:47 GMT"), 0, 0},
                {AT("Fri, 31 Dec 9999 23:59:59 GMT"), 0, UINT32_MAX},
                /* none, or none that can be read */
                {"Date: now\r\n", 0, 0},
                {"Date: 784111777\r\n", 0, 0},
                {"Date: 1994-11-06 08:49:37\r\n", 0, 0},
                {"Date: Sun, 06 Nov 1950 08:49:37 GMT\r\n", 0, 0},
                {DATE DATE, 0, 0},
                {DATE AT("Sun"), DATE_MS, RETRY_AFTER_UNREADABLE_S},
                {DATE AT("soon: very"), DATE_MS, RETRY_AFTER_UNREADABLE_S},
                {AT(""), 0, RETRY_AFTER_UNREADABLE_S},
                {AT("-7"), 0, RETRY_AFTER_UNREADABLE_S},
                {AT("+7"), 0, RETRY_AFTER_UNREADABLE_S},
                {AT("7 8"), 0, RETRY_AFTER_UNREADABLE_S},
                {AT("7, 7"), 0, RETRY_AFTER_UNREADABLE_S},
                {AT("7.5"), 0, RETRY_AFTER_UNREADABLE_S},
                {AT("7s"), 0, RETRY_AFTER_UNREADABLE_S},
                /* of several the longest */
                {DATE AT("Sun, 06 Nov 1994 08:49:47 GMT") AT("7"), DATE_MS, 10},
                {AT("7") AT("soon"), 0, RETRY_AFTER_UNREADABLE_S},
                {AT("soon") AT("61"), 0, 61},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char reply[512];

                snprintf(reply, sizeof(reply), "HTTP/1.1 503 Busy\r\n%sContent-Length: 0\r\n\r\n",
                         cases[i].headers);
                fixture_serve(f, serve_text, reply);
                fixture_get(f);
                assert_int_equal(f->outcome.r, 0);
                if (f->outcome.date_ms != cases[i].date_ms ||
                    f->outcome.retry_after_s != cases[i].retry_after_s)
                        print_message("# %s", cases[i].headers);
                assert_int_equal(f->outcome.date_ms, cases[i].date_ms);
                assert_int_equal(f->outcome.retry_after_s, cases[i].retry_after_s);
                f->peer = raw_peer_free(f->peer);
        }
}

static void test_refused(void **state)
{
        Fixture *f = *state;
        _cleanup_(closep) int fd = -1;
        uint16_t port = raw_peer_reserve_port(&fd);

        f->request = http_get(f->url, sizeof(f->url), port, "/");
        fixture_get(f);
        assert_int_equal(f->outcome.r, -ECONNREFUSED);
        assert_int_equal(f->outcome.status, 0);
        assert_string_equal(f->outcome.body, "");
}

static void test_timeout(void **state)
{
        Fixture *f = *state;
        uint64_t before_ms;

        fixture_serve(f, hang, NULL);
        f->request.timeout_ms = 100;
        before_ms = monotonic_ms();
        fixture_get(f);
        assert_int_equal(f->outcome.r, -ETIMEDOUT);
        assert_int_equal(f->outcome.status, 0);
        assert_true(monotonic_ms() - before_ms >= 99);
}

static void test_unacceptable_requests(void **state)
{
        Fixture *f = *state;
        HttpCall *untouched = (HttpCall *) 1;
        const char *urls[] = {"", "ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1",
                              "HTTPS://a/"};
        HttpRequest request = {.timeout_ms = 1000, .reply_len_max = 10};

        for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
                request.url = urls[i];
                assert_int_equal(http_call_start(f->client, &request, http_outcome_fill,
                                                 &f->outcome, &untouched),
                                 -EINVAL);
        }
        request.url = "http://127.0.0.1/";
        request.timeout_ms = 0;
        assert_int_equal(
                http_call_start(f->client, &request, http_outcome_fill, &f->outcome, &untouched),
                -EINVAL);
        request.timeout_ms = UINT64_MAX;
        assert_int_equal(
                http_call_start(f->client, &request, http_outcome_fill, &f->outcome, &untouched),
                -EINVAL);
        assert_ptr_equal(untouched, (HttpCall *) 1);
        assert_int_equal(f->outcome.n_ended, 0);
}

static void test_no_credentials_in_url(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, serve_well, NULL);
        snprintf(f->url, sizeof(f->url), "http://user:word@127.0.0.1:%u/", raw_peer_port(f->peer));
        fixture_get(f);
        assert_int_equal(f->outcome.r, -EIO);
        assert_int_equal(raw_peer_n_requests(f->peer), 0);
}

/* Answers the first request on a connection, reads the second and closes. */
static void close_on_second(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        if (raw_peer_read(peer, fd) && raw_peer_print(fd, OK_HI))
                raw_peer_read(peer, fd);
}

static void test_once(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, close_on_second, NULL);
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
        f->request.once = true;
        fixture_get(f);
        assert_int_equal(f->outcome.r, -EPROTO);
        assert_int_equal(f->outcome.status, 0);
        assert_int_equal(raw_peer_n_requests(f->peer), 2);
        /* and the client still works */
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
        assert_int_equal(raw_peer_n_requests(f->peer), 3);
}

/* Checks the test above: curl does retry other requests. */
static void test_idempotent_is_retried(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, close_on_second, NULL);
        fixture_get(f);
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
        assert_int_equal(raw_peer_n_requests(f->peer), 3);
        assert_int_equal(raw_peer_n_connections(f->peer), 2);
}

static void test_once_after_idle_close(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, serve_text, (void *) OK_HI);
        f->request.once = true;
        for (int i = 0; i < 3; i++) {
                fixture_get(f);
                assert_int_equal(f->outcome.r, 0);
                raw_peer_wait_closed(f->peer);
        }
        assert_int_equal(raw_peer_n_requests(f->peer), 3);
        assert_int_equal(raw_peer_n_connections(f->peer), 3);
}

/* Requests for /hang get no answer. */
static void hang_or_serve(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        bool hangs = false;

        while (!hangs) {
                _cleanup_(freep) char *request = raw_peer_receive(peer, fd);

                if (!request)
                        return;
                hangs = strncmp(request, "GET /hang ", 10) == 0;
                if (!hangs)
                        raw_peer_print(fd, OK_HI);
        }
        raw_peer_hang(fd);
}

static void test_hanging_call_blocks_no_other(void **state)
{
        Fixture *f = *state;
        HttpOutcome hanging = {};
        HttpRequest request;
        char url[128];

        fixture_serve(f, hang_or_serve, NULL);
        request = http_get(url, sizeof(url), raw_peer_port(f->peer), "/hang");
        assert_int_equal(
                http_call_start(f->client, &request, http_outcome_fill, &hanging, &hanging.call),
                0);
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
        assert_int_equal(hanging.n_ended, 0);
        assert_null(http_call_cancel(hanging.call));
        assert_int_equal(hanging.n_ended, 0);
}

static bool all_have_ended(void *userdata)
{
        for (HttpOutcome *outcome = userdata; outcome->call; outcome++)
                if (outcome->n_ended == 0)
                        return false;
        return true;
}

enum { N_CALLS = 100, N_CONNECTIONS = 64 };

static bool are_connected(void *userdata)
{
        return raw_peer_n_requests(userdata) >= N_CONNECTIONS;
}

static void start_many(Fixture *f, HttpOutcome *outcomes)
{
        for (int i = 0; i < N_CALLS; i++)
                assert_int_equal(http_call_start(f->client, &f->request, http_outcome_fill,
                                                 &outcomes[i], &outcomes[i].call),
                                 0);
}

/* More calls than connections: the others wait, */
static void test_connections_are_bounded(void **state)
{
        Fixture *f = *state;
        HttpOutcome outcomes[N_CALLS + 1] = {};

        fixture_serve(f, hang, NULL);
        start_many(f, outcomes);
        run_until(f->event, are_connected, f->peer);
        while (sd_event_run(f->event, 0) > 0)
                ;
        assert_int_equal(raw_peer_n_connections(f->peer), N_CONNECTIONS);
        for (int i = 0; i < N_CALLS; i++) {
                assert_int_equal(outcomes[i].n_ended, 0);
                http_call_cancel(outcomes[i].call);
        }
}

/* and time out as well. */
static void test_time_out_without_connection(void **state)
{
        Fixture *f = *state;
        HttpOutcome outcomes[N_CALLS + 1] = {};
        uint64_t before_ms = monotonic_ms();

        fixture_serve(f, hang, NULL);
        f->request.timeout_ms = 500;
        start_many(f, outcomes);
        run_until(f->event, all_have_ended, outcomes);
        assert_true(monotonic_ms() - before_ms >= 499);
        for (int i = 0; i < N_CALLS; i++) {
                assert_int_equal(outcomes[i].n_ended, 1);
                assert_int_equal(outcomes[i].r, -ETIMEDOUT);
                http_outcome_clear(&outcomes[i]);
        }
}

static void test_cancel(void **state)
{
        Fixture *f = *state;
        HttpOutcome cancelled = {};

        assert_null(http_call_cancel(NULL));
        assert_null(http_client_free(NULL));

        /* before it began, and while it waits for its answer */
        fixture_serve(f, hang_or_serve, NULL);
        assert_int_equal(http_call_start(f->client, &f->request, http_outcome_fill, &cancelled,
                                         &cancelled.call),
                         0);
        http_call_cancel(cancelled.call);
        f->request = http_get(f->url, sizeof(f->url), raw_peer_port(f->peer), "/hang");
        assert_int_equal(http_call_start(f->client, &f->request, http_outcome_fill, &cancelled,
                                         &cancelled.call),
                         0);
        while (raw_peer_n_requests(f->peer) == 0)
                assert_true(sd_event_run(f->event, 1000) >= 0);
        http_call_cancel(cancelled.call);

        f->request = http_get(f->url, sizeof(f->url), raw_peer_port(f->peer), "/");
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
        assert_int_equal(cancelled.n_ended, 0);
}

/* A callback may start, cancel and free while others run. */
typedef struct Plot {
        Fixture *fixture;
        HttpOutcome victims[8];
        HttpOutcome next;
        unsigned n_ended;
        bool free_client;
} Plot;

static void strike(int r, const HttpReply *reply, void *userdata)
{
        Plot *plot = userdata;
        Fixture *f = plot->fixture;

        plot->n_ended++;
        assert_int_equal(r, 0);
        for (size_t i = 0; i < ARRAY_SIZE(plot->victims); i++)
                if (plot->victims[i].n_ended == 0)
                        http_call_cancel(plot->victims[i].call);
        if (plot->free_client) {
                f->client = http_client_free(f->client);
                assert_string_equal(reply->body, "hi"); /* still lent */
                return;
        }
        assert_int_equal(http_call_start(f->client, &f->request, http_outcome_fill, &plot->next,
                                         &plot->next.call),
                         0);
        assert_int_equal(plot->next.n_ended, 0);
}

static bool plot_has_ended(void *userdata)
{
        Plot *plot = userdata;

        return plot->n_ended > 0 && (plot->free_client || plot->next.n_ended > 0);
}

static void run_plot(Fixture *f, bool free_client)
{
        Plot plot = {.fixture = f, .free_client = free_client};
        HttpCall *call = NULL;

        fixture_serve(f, hang_or_serve, NULL);
        assert_int_equal(http_call_start(f->client, &f->request, strike, &plot, &call), 0);
        for (size_t i = 0; i < ARRAY_SIZE(plot.victims); i++) {
                char url[128];
                HttpRequest request =
                        http_get(url, sizeof(url), raw_peer_port(f->peer), i % 2 ? "/" : "/hang");

                assert_int_equal(http_call_start(f->client, &request, http_outcome_fill,
                                                 &plot.victims[i], &plot.victims[i].call),
                                 0);
        }
        run_until(f->event, plot_has_ended, &plot);
        for (int i = 0; i < 10; i++)
                assert_true(sd_event_run(f->event, 0) >= 0);

        assert_int_equal(plot.n_ended, 1);
        assert_int_equal(plot.next.n_ended, free_client ? 0 : 1);
        http_outcome_clear(&plot.next);
        for (size_t i = 0; i < ARRAY_SIZE(plot.victims); i++)
                http_outcome_clear(&plot.victims[i]);
}

static void test_function_cancels_and_starts(void **state)
{
        run_plot(*state, false);
}

static void test_function_frees_client(void **state)
{
        run_plot(*state, true);
}

/* Scans the writable memory of the process for the bytes. */
static unsigned count_in_memory(const char *needle_but_first, size_t len)
{
        _cleanup_(closep) int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        FILE *maps = fopen("/proc/self/maps", "re");
        static char block[1 << 20];
        unsigned long start, end;
        char permissions[8], line[512];
        unsigned n_found = 0;

        assert_true(fd >= 0);
        assert_non_null(maps);
        while (fgets(line, sizeof(line), maps)) {
                if (sscanf(line, "%lx-%lx %7s", &start, &end, permissions) != 3)
                        continue;
                if (permissions[0] != 'r' || permissions[1] != 'w' || end - start > (1UL << 30))
                        continue;
                for (unsigned long at = start; at < end; at += sizeof(block) / 2) {
                        /* half of each block overlaps with the next: nothing hides at a border */
                        size_t size = end - at < sizeof(block) ? end - at : sizeof(block);
                        ssize_t n;

                        if (at <= (unsigned long) block + sizeof(block) &&
                            at + size >= (unsigned long) block)
                                continue;
                        n = pread(fd, block, size, (off_t) at);
                        for (char *p = block; n > 0 && (size_t) (block + n - p) > len; p++) {
                                p = memmem(p, (size_t) (block + n - p), needle_but_first, len);
                                if (!p)
                                        break;
                                if (p > block && p[-1] == 's')
                                        n_found++;
                        }
                }
        }
        fclose(maps);
        return n_found;
}

/* No copy of the key is left in memory after the call. */
static void test_key_is_wiped(void **state)
{
        static const char key_but_first[] = "k_0f6a24c19e7b";
        Fixture *f = *state;
        Secret *key = NULL;
        char text[32];

        snprintf(text, sizeof(text), "%c%s", 's', key_but_first);
        assert_int_equal(secret_new(text, strlen(text), &key), 0);
        explicit_bzero(text, sizeof(text));
        assert_int_not_equal(count_in_memory(key_but_first, strlen(key_but_first)), 0);

        fixture_serve(f, serve_text, (void *) OK_HI);
        f->request.bearer = key;
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
        f->peer = raw_peer_free(f->peer); /* wipes the request that it got */
        secret_unref(key);
        assert_int_equal(count_in_memory(key_but_first, strlen(key_but_first)), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(get),
                TEST(post),
                TEST(path_is_sent_as_it_is),
                TEST(connection_is_kept),
                TEST(replies),
                TEST(nul_in_body),
                TEST(body_is_capped),
                TEST(headers_are_capped),
                TEST(long_header_lines),
                TEST(dates),
                TEST(refused),
                TEST(timeout),
                TEST(unacceptable_requests),
                TEST(no_credentials_in_url),
                TEST(once),
                TEST(idempotent_is_retried),
                TEST(once_after_idle_close),
                TEST(hanging_call_blocks_no_other),
                TEST(connections_are_bounded),
                TEST(time_out_without_connection),
                TEST(cancel),
                TEST(function_cancels_and_starts),
                TEST(function_frees_client),
                TEST(key_is_wiped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

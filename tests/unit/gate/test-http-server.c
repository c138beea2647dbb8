/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The limits of time. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/macro.h"
#include "gate/http-connection.h"
#include "gate/http-server.h"
#include "tests/unit/test.h"

#define SECOND      UINT64_C(1000000)
#define REPLY_BYTES (4U << 20)

/* The clock of deadlines, which only the test moves, and quicker ticks. */
static uint64_t now_usec;

int __wrap_sd_event_now(sd_event *event, clockid_t clock, uint64_t *usec);
int __real_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec);
int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec);

int __real_sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                             uint64_t accuracy, sd_event_time_handler_t callback, void *userdata);
int __wrap_sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                             uint64_t accuracy, sd_event_time_handler_t callback, void *userdata);

int __wrap_sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                             uint64_t accuracy, sd_event_time_handler_t callback, void *userdata)
{
        return __real_sd_event_add_time(event, ret, clock, usec, 1, callback, userdata);
}

int __wrap_sd_event_now(sd_event *event, clockid_t clock, uint64_t *usec)
{
        *usec = now_usec;
        return 0;
}

int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec)
{
        return __real_sd_event_source_set_time_relative(source, usec / 100);
}

typedef struct Fixture {
        sd_event *event;
        HttpServer *server;
        int client;
        size_t n_connections;
        unsigned n_requests;
        unsigned n_ticks;
        bool reply_is_large;
        bool reply_is_late;
        HttpRequest *request; /* the last one */
} Fixture;

static HttpReply large_reply(void)
{
        static char text[REPLY_BYTES];

        return http_reply_static(text, sizeof(text), "text/plain");
}

static void on_request(HttpRequest *request, void *userdata)
{
        Fixture *f = userdata;

        f->n_requests++;
        f->request = request;
        if (!f->reply_is_late)
                http_request_reply(request, f->reply_is_large
                                                    ? large_reply()
                                                    : http_reply_static("ok", 2, "text/plain"));
}

static void on_connections(size_t n, void *userdata)
{
        ((Fixture *) userdata)->n_connections = n;
}

static void on_tick(void *userdata)
{
        ((Fixture *) userdata)->n_ticks++;
}

static const HttpServerHandlers handlers = {on_request, on_connections, on_tick};

static int setup(void **state)
{
        static unsigned n;
        Fixture *f = calloc(1, sizeof(*f));
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd, len;

        assert_non_null(f);
        now_usec = SECOND;
        /* An abstract address needs no file. */
        len = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "passlock-test-%d-%u",
                       getpid(), n++);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        f->client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0 && f->client >= 0);
        len += (int) offsetof(struct sockaddr_un, sun_path) + 1;
        assert_int_equal(bind(fd, (struct sockaddr *) &address, (socklen_t) len), 0);
        assert_int_equal(listen(fd, 10), 0);
        assert_int_equal(connect(f->client, (struct sockaddr *) &address, (socklen_t) len), 0);
        assert_int_equal(fcntl(f->client, F_SETFL, O_NONBLOCK), 0);
        assert_true(sd_event_new(&f->event) >= 0);
        assert_int_equal(http_server_new(f->event, fd, &handlers, f, &f->server), 0);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;

        http_server_free(f->server);
        sd_event_unref(f->event);
        closep(&f->client);
        free(f);
        return 0;
}

static void send_text(const Fixture *f, const char *text)
{
        assert_int_equal(send(f->client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Runs the loop until the next tick, at which deadlines are checked. */
static void run_tick(Fixture *f)
{
        unsigned n = f->n_ticks;

        while (f->n_ticks == n && f->n_connections > 0)
                assert_true(sd_event_run(f->event, SECOND) >= 0);
}

static void run_until_requests(Fixture *f, unsigned n)
{
        while (f->n_requests < n)
                assert_true(sd_event_run(f->event, SECOND) >= 0);
}

static void run_until_connected(Fixture *f)
{
        while (f->n_connections == 0)
                assert_true(sd_event_run(f->event, SECOND) >= 0);
}

/* Moves the clock forward. Is the client disconnected then? MHD may need another turn for it. */
static bool is_cut_after(Fixture *f, unsigned sec)
{
        now_usec += sec * SECOND;
        run_tick(f);
        run_tick(f);
        return f->n_connections == 0;
}

static void assert_deadline(Fixture *f, unsigned sec)
{
        assert_false(is_cut_after(f, sec / 2));
        assert_true(is_cut_after(f, sec / 2 + 1));
}

static void test_idle_connection(void **state)
{
        Fixture *f = *state;

        run_until_connected(f);
        run_tick(f);
        assert_deadline(f, HTTP_IDLE_SEC);
}

static void test_idle_after_a_request(void **state)
{
        Fixture *f = *state;

        for (unsigned i = 1; i <= 3; i++) {
                send_text(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
                run_until_requests(f, i);
                assert_false(is_cut_after(f, HTTP_IDLE_SEC / 2));
        }
        assert_true(is_cut_after(f, HTTP_IDLE_SEC));
}

/* A byte now and then does not extend the deadline. */
static void test_slow_headers(void **state)
{
        Fixture *f = *state;

        send_text(f, "GET / HTTP/1.1\r\n");
        run_until_connected(f);
        run_tick(f);
        for (unsigned i = 0; i < 3; i++) {
                send_text(f, "A: b\r\n");
                assert_false(is_cut_after(f, HTTP_REQUEST_SEC / 4));
        }
        send_text(f, "A");
        assert_true(is_cut_after(f, HTTP_REQUEST_SEC / 2));
        assert_int_equal(f->n_requests, 0);
}

static void test_slow_body(void **state)
{
        Fixture *f = *state;

        send_text(f, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n");
        run_until_connected(f);
        run_tick(f);
        for (unsigned i = 0; i < 3; i++) {
                send_text(f, "x");
                assert_false(is_cut_after(f, HTTP_REQUEST_SEC / 4));
        }
        send_text(f, "x");
        assert_true(is_cut_after(f, HTTP_REQUEST_SEC / 2));
        assert_int_equal(f->n_requests, 0);
}

static void test_reply_that_is_not_read(void **state)
{
        Fixture *f = *state;

        f->reply_is_large = true;
        send_text(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        run_until_requests(f, 1);
        assert_deadline(f, HTTP_REPLY_SEC);
}

/* The deadline of a pending request is that of its call. */
static void test_pending_request(void **state)
{
        Fixture *f = *state;

        f->reply_is_late = true;
        send_text(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        run_until_requests(f, 1);
        assert_false(is_cut_after(f, 100 * HTTP_REPLY_SEC));
        http_request_reply(f->request, http_reply_static("ok", 2, "text/plain"));
        run_tick(f);
        assert_deadline(f, HTTP_IDLE_SEC);
}

static void test_pending_client_that_leaves(void **state)
{
        Fixture *f = *state;

        f->reply_is_late = true;
        send_text(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        run_until_requests(f, 1);
        close(TAKE_FD(f->client));
        while (f->n_connections > 0)
                assert_true(sd_event_run(f->event, SECOND) >= 0);
}

/* The client has left before its request is read. */
static void test_client_that_leaves_at_once(void **state)
{
        Fixture *f = *state;

        f->reply_is_late = true;
        send_text(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        close(TAKE_FD(f->client));
        run_until_connected(f);
        while (f->n_connections > 0)
                assert_true(sd_event_run(f->event, SECOND) >= 0);
}

/* Freeing the server ends pending requests. */
static void test_free_with_a_pending_request(void **state)
{
        Fixture *f = *state;

        f->reply_is_late = true;
        send_text(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        run_until_requests(f, 1);
        f->server = http_server_free(f->server);
        assert_int_equal(f->n_connections, 0);
}

/* A request that is pending is finished, an idle connection is closed. */
static void test_stop(void **state)
{
        Fixture *f = *state;
        char text[512] = "";

        f->reply_is_late = true;
        send_text(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        run_until_requests(f, 1);
        http_server_stop(f->server);
        run_tick(f);
        assert_int_equal(f->n_connections, 1);
        http_request_reply(f->request, http_reply_static("ok", 2, "text/plain"));
        while (f->n_connections > 0)
                assert_true(sd_event_run(f->event, SECOND) >= 0);
        assert_true(recv(f->client, text, sizeof(text) - 1, 0) > 0);
        assert_non_null(strstr(text, "Connection: close"));
        assert_non_null(strstr(text, "\r\n\r\nok"));
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                test(test_idle_connection),
                test(test_idle_after_a_request),
                test(test_slow_headers),
                test(test_slow_body),
                test(test_reply_that_is_not_read),
                test(test_pending_request),
                test(test_pending_client_that_leaves),
                test(test_client_that_leaves_at_once),
                test(test_free_with_a_pending_request),
                test(test_stop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Requests to etcd, played by the test, which forgets tokens and refuses passwords. */

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "keyholder/store-proxy.h"
#include "tests/unit/daemon/config/config-fixture.h"
#include "tests/unit/keyholder/http/raw-peer.h"
#include "tests/unit/test.h"

#define PATIENCE_MS 60000U
#define JSON        "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s"

typedef struct Fixture {
        ConfigFixture *files;
        sd_event *event;
        StoreProxy *proxy;
        Channel *ours, *theirs; /* ours is the key holder's */
        RawPeer *peer;
        int received_r;              /* the result of store_proxy_receive() */
        unsigned n_sent, n_received; /* messages to it */
        unsigned n_ended, n_states, n_replies;
        ProtocolStoreState state;
        char fault[1024];
        ProtocolStoreReply reply;
        uint64_t reply_id;
        char body[256];
        size_t n_bytes;
        char data[256]; /* the last of a stream */

        /* The etcd of the test. */
        char received[1024]; /* the last request, before its reply */
        atomic_uint n_logins;
        atomic_uint valid_token; /* the number in the token */
        const char *_Atomic login_status;
        const char *_Atomic login_body; /* NULL: a token */
} Fixture;

/* etcd */

static void print_json(int fd, const char *status, const char *body)
{
        char text[1024];

        snprintf(text, sizeof(text), JSON, status, strlen(body), body);
        (void) raw_peer_print(fd, text);
}

static void serve_login(Fixture *f, int fd)
{
        const char *body = f->login_body;
        char token[64];

        f->n_logins++;
        snprintf(token, sizeof(token), "{\"header\":{},\"token\":\"token.%u\"}",
                 (unsigned) f->valid_token);
        print_json(fd, f->login_status, body ?: token);
}

static void serve_watch(int fd, bool is_valid)
{
        char block[16384];

        if (!is_valid) {
                (void) raw_peer_print(fd,
                                      "HTTP/1.1 200 OK\r\n\r\n{\"result\":{\"canceled\":true,"
                                      "\"cancel_reason\":\"etcdserver: permission denied\"}}\n");
                raw_peer_hang(fd);
                return;
        }
        memset(block, 'x', sizeof(block));
        if (!raw_peer_print(fd, "HTTP/1.1 200 OK\r\n\r\n"))
                return;
        for (unsigned i = 0; i < 64; i++)
                if (!raw_peer_write(fd, block, sizeof(block)))
                        return;
}

/* The token is in the request, if a login is configured. */
static void serve(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        Fixture *f = userdata;
        char *request;

        while ((request = raw_peer_receive(peer, fd))) {
                char valid[64];
                bool is_valid;

                snprintf(f->received, sizeof(f->received), "%s", request);
                snprintf(valid, sizeof(valid), "\r\nAuthorization: token.%u\r\n",
                         (unsigned) f->valid_token);
                is_valid = strstr(request, valid) || !strstr(request, "\r\nAuthorization: ");
                if (strstr(request, "POST /v3/auth/authenticate HTTP"))
                        serve_login(f, fd);
                else if (strstr(request, "POST /v3/watch HTTP"))
                        serve_watch(fd, is_valid);
                else if (strstr(request, "/v3/lease/grant HTTP"))
                        raw_peer_hang(fd);
                else if (is_valid)
                        print_json(fd, "200 OK", "{}");
                else if (strstr(request, "/v3/kv/txn HTTP"))
                        print_json(fd, "400 Bad Request",
                                   "{\"error\":\"etcdserver: revision of auth store is old\"}");
                else
                        print_json(fd, "401 Unauthorized",
                                   "{\"error\":\"etcdserver: invalid auth token\",\"code\":16}");
                if (strstr(request, "POST /v3/watch HTTP")) {
                        free(request);
                        return;
                }
                free(request);
        }
}

/* The connection */

static int on_ours(const ProtocolMessage *message, void *userdata)
{
        Fixture *f = userdata;

        f->received_r = store_proxy_receive(f->proxy, message);
        f->n_received++;
        return 0;
}

static int on_theirs(const ProtocolMessage *message, void *userdata)
{
        Fixture *f = userdata;

        switch (message->type) {
        case PROTOCOL_STORE_STATE:
                f->n_states++;
                f->state = message->store_state;
                snprintf(f->fault, sizeof(f->fault), "%s", message->texts[0].text);
                break;
        case PROTOCOL_STORE_DATA:
                f->n_bytes += message->texts[0].len;
                snprintf(f->data, sizeof(f->data), "%s", message->texts[0].text);
                break;
        default:
                assert_int_equal(message->type, PROTOCOL_STORE_REPLY);
                f->n_replies++;
                f->reply = message->store_reply;
                f->reply_id = message->id;
                snprintf(f->body, sizeof(f->body), "%s", message->texts[0].text);
        }
        return 0;
}

static void on_closed(int r, void *userdata)
{
}

static void on_ended(void *userdata)
{
        Fixture *f = userdata;

        f->n_ended++;
}

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));
        int fds[2];

        assert_non_null(f);
        assert_int_equal(config_set_up((void **) &f->files), 0);
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->files->directory, 1), 0);
        f->login_status = "200 OK";
        f->valid_token = 1;
        f->peer = raw_peer_new(serve, f);
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(
                channel_new(
                        f->event, fds[0], PROTOCOL_KEYHOLDER,
                        &(ChannelOwner){.received = on_ours, .closed = on_closed, .userdata = f},
                        &f->ours),
                0);
        assert_int_equal(
                channel_new(
                        f->event, fds[1], PROTOCOL_DAEMON,
                        &(ChannelOwner){.received = on_theirs, .closed = on_closed, .userdata = f},
                        &f->theirs),
                0);
        assert_int_equal(store_proxy_new(f->event, f->ours, on_ended, f, &f->proxy), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        store_proxy_free(f->proxy);
        channel_free(f->ours);
        channel_free(f->theirs);
        raw_peer_free(f->peer);
        sd_event_unref(f->event);
        config_tear_down((void **) &f->files);
        free(f);
        return 0;
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

static void write_login(const Fixture *f, const char *text)
{
        char path[512];

        snprintf(path, sizeof(path), "%s/login", f->files->directory);
        config_write_bytes(path, text, strlen(text));
}

/* Loads a store with one endpoint. */
static void load(Fixture *f, const char *password_credential)
{
        _cleanup_(config_freep) Config *config = NULL;
        unsigned n = f->n_states;
        char text[512];

        snprintf(text, sizeof(text),
                 "[Store]\nEngine=etcd\nEndpoints=http://127.0.0.1:%u\nPasswordCredential=%s\n",
                 raw_peer_port(f->peer), password_credential);
        config_write_main(f->files, text);
        config = config_load_good(f->files);
        assert_int_equal(store_proxy_load(f->proxy, &config->store), 0);
        run_until(f, &f->n_states, n + 1);
}

static void send_ours(Fixture *f, const ProtocolMessage *message)
{
        f->n_sent++;
        assert_int_equal(channel_send(f->theirs, message), 0);
}

static void request(Fixture *f, uint64_t id, unsigned path, unsigned endpoint)
{
        bool is_stream = path == PROTOCOL_STORE_WATCH;

        send_ours(f, &(ProtocolMessage){
                             .type = PROTOCOL_STORE_REQUEST,
                             .id = id,
                             .store_request = {.timeout_ms = PATIENCE_MS,
                                               .reply_len_max = is_stream ? 0 : 4096,
                                               .path = (uint16_t) path,
                                               .endpoint = (uint16_t) endpoint,
                                               .flags = is_stream ? PROTOCOL_STORE_STREAM : 0},
                             .texts = {PROTOCOL_TEXT("{}")}});
}

static void give_credit(Fixture *f, uint64_t id, uint32_t n_bytes)
{
        send_ours(f, &(ProtocolMessage){.type = PROTOCOL_STORE_CREDIT,
                                        .id = id,
                                        .store_credit.n_bytes = n_bytes});
}

/* The result of a request, or its status. */
static int result_of(Fixture *f, unsigned path)
{
        unsigned n = f->n_replies;

        request(f, n + 1, path, 0);
        run_until(f, &f->n_replies, n + 1);
        assert_int_equal(f->reply_id, n + 1);
        return f->reply.r < 0 ? f->reply.r : (int) f->reply.status;
}

static void test_request(void **state)
{
        Fixture *f = *state;

        load(f, "");
        assert_int_equal(f->state.n_endpoints, 1);
        assert_int_equal(f->state.fault, PROTOCOL_FAULT_NONE);
        assert_int_equal(result_of(f, PROTOCOL_STORE_RANGE), 200);
        assert_string_equal(f->body, "{}");
        assert_int_equal(f->n_ended, 1);
        assert_non_null(strstr(f->received, "POST /v3/kv/range HTTP/1.1\r\n"));
        assert_null(strstr(f->received, "Authorization"));
        assert_non_null(strstr(f->received, "\r\n\r\n{}"));
        request(f, 7, PROTOCOL_STORE_RANGE, 1);
        run_until(f, &f->n_replies, 2);
        assert_int_equal(f->reply.r, -ESTALE);
}

/* Requests wait for one login, and have its token. */
static void test_login(void **state)
{
        Fixture *f = *state;

        write_login(f, "root:secret\n");
        load(f, "login");
        for (unsigned i = 1; i <= 10; i++)
                request(f, i, PROTOCOL_STORE_RANGE, 0);
        run_until(f, &f->n_replies, 10);
        assert_int_equal(f->reply.status, 200);
        assert_int_equal(result_of(f, PROTOCOL_STORE_TXN), 200);
        assert_int_equal(f->n_logins, 1);
}

/* etcd does not know the token any more. */
static void test_other_token(void **state)
{
        Fixture *f = *state;

        write_login(f, "root:secret\n");
        load(f, "login");
        assert_int_equal(result_of(f, PROTOCOL_STORE_RANGE), 200);
        f->valid_token = 2;
        for (unsigned i = 1; i <= 10; i++)
                request(f, 100 + i, i % 2 ? PROTOCOL_STORE_RANGE : PROTOCOL_STORE_TXN, 0);
        for (unsigned i = 1; i <= 10; i++) {
                run_until(f, &f->n_replies, i + 1);
                assert_int_equal(f->reply.status, 200);
        }
        assert_int_equal(f->n_logins, 2);
        f->valid_token = 3;
        request(f, 200, PROTOCOL_STORE_WATCH, 0);
        while (f->n_bytes == 0)
                assert_true(sd_event_run(f->event, 100000) >= 0);
        assert_int_equal(f->data[0], 'x');
        assert_int_equal(f->n_logins, 3);
}

/* A token that is refused at once is not asked for again and again. */
static void test_useless_token(void **state)
{
        Fixture *f = *state;

        write_login(f, "root:secret\n");
        f->login_body = "{\"token\":\"other\"}";
        load(f, "login");
        assert_int_equal(result_of(f, PROTOCOL_STORE_RANGE), -EACCES);
        assert_int_equal(f->n_logins, 2);
        /* A watch is passed on as it is. */
        request(f, 100, PROTOCOL_STORE_WATCH, 0);
        while (f->n_bytes == 0)
                assert_true(sd_event_run(f->event, 100000) >= 0);
        assert_non_null(strstr(f->data, "permission denied"));
        assert_int_equal(f->n_logins, 3);
}

static void test_refused_login(void **state)
{
        static const struct {
                const char *status, *body;
                int r;
                unsigned n_logins; /* of three requests */
        } cases[] = {
                {"400 Bad Request", "{\"error\":\"etcdserver: authentication failed\"}", -EACCES,
                 1},
                {"503 Unavailable", "{\"error\":\"etcdserver: no leader\"}", -ECONNREFUSED, 3},
                {"200 OK", "{\"header\":{}}", -EIO, 3},
                {"200 OK", "<html>", -EIO, 3},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char login[32];

                f->login_status = cases[i].status;
                f->login_body = cases[i].body;
                f->n_logins = 0;
                snprintf(login, sizeof(login), "root:%zu", i);
                write_login(f, login);
                load(f, "login");
                for (unsigned n = 0; n < 3; n++)
                        assert_int_equal(result_of(f, PROTOCOL_STORE_TXN), cases[i].r);
                assert_int_equal(f->n_logins, cases[i].n_logins);
        }
}

static void test_cancel_while_waiting(void **state)
{
        Fixture *f = *state;

        write_login(f, "root:secret\n");
        load(f, "login");
        request(f, 1, PROTOCOL_STORE_RANGE, 0);
        send_ours(f, &(ProtocolMessage){.type = PROTOCOL_STORE_CANCEL, .id = 1});
        request(f, 2, PROTOCOL_STORE_RANGE, 0);
        run_until(f, &f->n_replies, 1);
        assert_int_equal(f->reply_id, 2);
        run_for(f, 20);
        assert_int_equal(f->n_replies, 1);
}

static void test_missing_credential(void **state)
{
        Fixture *f = *state;
        uint64_t serial;

        load(f, "login");
        assert_int_equal(f->state.fault, PROTOCOL_FAULT_MISSING);
        assert_string_equal(f->fault, "there is no credential login");
        assert_int_equal(f->state.n_endpoints, 1);
        assert_int_equal(result_of(f, PROTOCOL_STORE_RANGE), -ENOKEY);
        serial = f->state.serial;
        write_login(f, "root:secret\n");
        while (f->state.fault != PROTOCOL_FAULT_NONE)
                assert_true(sd_event_run(f->event, 100000) >= 0);
        assert_true(f->state.serial != serial);
        assert_int_equal(result_of(f, PROTOCOL_STORE_RANGE), 200);
}

/* Streams end when something has changed, and only then. */
static void test_reload(void **state)
{
        Fixture *f = *state;
        uint64_t serial;

        write_login(f, "root:a");
        load(f, "login");
        serial = f->state.serial;
        request(f, 1, PROTOCOL_STORE_WATCH, 0);
        while (f->n_bytes == 0)
                assert_true(sd_event_run(f->event, 100000) >= 0);
        load(f, "login");
        run_for(f, 20);
        assert_int_equal(f->n_replies, 0);
        assert_int_equal(f->state.serial, serial);
        write_login(f, "root:b");
        load(f, "login");
        run_until(f, &f->n_replies, 1);
        assert_int_equal(f->reply.r, -ENOLINK);
        assert_true(f->state.serial != serial);
        load(f, "");
        assert_int_equal(f->state.n_endpoints, 1);
        assert_int_equal(store_proxy_load(f->proxy, &(StoreConfig){}), 0);
        run_until(f, &f->n_states, 5);
        assert_int_equal(f->state.n_endpoints, 0);
        assert_int_equal(result_of(f, PROTOCOL_STORE_RANGE), -ESTALE);
}

static void test_credit(void **state)
{
        Fixture *f = *state;
        size_t n_before;

        load(f, "");
        request(f, 1, PROTOCOL_STORE_WATCH, 0);
        while (f->n_bytes < PROTOCOL_STREAM_CREDIT)
                assert_true(sd_event_run(f->event, 100000) >= 0);
        run_for(f, 100);
        n_before = f->n_bytes;
        assert_in_range(n_before, PROTOCOL_STREAM_CREDIT, PROTOCOL_STREAM_CREDIT + 16384);
        /* Other requests are served. */
        assert_int_equal((request(f, 2, PROTOCOL_STORE_RANGE, 0), run_until(f, &f->n_replies, 1),
                          f->reply.status),
                         200);
        assert_int_equal(store_proxy_count_calls(f->proxy), 0);
        while (f->n_replies < 2) {
                give_credit(f, 1, PROTOCOL_STREAM_CREDIT / 2);
                run_for(f, 50);
                assert_int_equal(f->received_r, 0);
                assert_in_range(f->n_bytes, n_before, n_before + PROTOCOL_STREAM_CREDIT);
                n_before = f->n_bytes;
        }
        assert_int_equal(f->reply.r, 0);
        assert_int_equal(f->n_bytes, 64 * 16384);
        /* Of a stream that has ended. */
        give_credit(f, 1, 1);
        run_for(f, 10);
        assert_int_equal(f->received_r, 0);
}

/* The result of the last message. */
static void assert_received(const Fixture *f, int r)
{
        run_until(f, &f->n_received, f->n_sent);
        assert_int_equal(f->received_r, r);
}

static void test_violations(void **state)
{
        Fixture *f = *state;

        load(f, "");
        request(f, 1, PROTOCOL_STORE_LEASE_GRANT, 0);
        request(f, 1 + PROTOCOL_STORE_CALLS_MAX, PROTOCOL_STORE_RANGE, 0);
        assert_received(f, -EPROTO);
        give_credit(f, 1, 1); /* no stream */
        assert_received(f, -EPROTO);
        for (unsigned i = 0; i <= PROTOCOL_STREAMS_MAX; i++)
                request(f, 2 + i, PROTOCOL_STORE_WATCH, 0);
        assert_received(f, -EPROTO);
        give_credit(f, 2, PROTOCOL_STREAM_CREDIT); /* too much */
        send_ours(f, &(ProtocolMessage){.type = PROTOCOL_STORE_CANCEL, .id = 3});
        assert_received(f, 0);
        request(f, 3, PROTOCOL_STORE_WATCH, 0);
        assert_received(f, 0);
        give_credit(f, 3, PROTOCOL_STREAM_CREDIT);
        give_credit(f, 3, PROTOCOL_STREAM_CREDIT);
        assert_received(f, -EPROTO);
}

static void test_stop(void **state)
{
        Fixture *f = *state;

        load(f, "");
        request(f, 1, PROTOCOL_STORE_WATCH, 0);
        while (f->n_bytes == 0)
                assert_true(sd_event_run(f->event, 100000) >= 0);
        request(f, 2, PROTOCOL_STORE_LEASE_GRANT, 0);
        run_until(f, &f->n_received, f->n_sent);
        store_proxy_stop(f->proxy);
        run_until(f, &f->n_replies, 1);
        assert_int_equal(f->reply_id, 1);
        assert_int_equal(f->reply.r, -ENOLINK);
        assert_int_equal(store_proxy_count_calls(f->proxy), 1);
        request(f, 3, PROTOCOL_STORE_RANGE, 0);
        run_until(f, &f->n_replies, 2);
        assert_int_equal(f->reply.r, -ESHUTDOWN);
        send_ours(f, &(ProtocolMessage){.type = PROTOCOL_STORE_CANCEL, .id = 2});
        run_until(f, &f->n_ended, 1);
        assert_int_equal(store_proxy_count_calls(f->proxy), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(request),
                TEST(login),
                TEST(other_token),
                TEST(useless_token),
                TEST(refused_login),
                TEST(cancel_while_waiting),
                TEST(missing_credential),
                TEST(reload),
                TEST(credit),
                TEST(violations),
                TEST(stop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

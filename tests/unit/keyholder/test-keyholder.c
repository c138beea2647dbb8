/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A daemon that runs an attacker's code cannot do more than API calls. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "dbus/key-proof.h"
#include "keyholder/keyholder.h"
#include "keyholder/protocol/channel.h"
#include "tests/unit/daemon/config/config-fixture.h"
#include "tests/unit/keyholder/http/raw-peer.h"
#include "tests/unit/test.h"

#define PATIENCE_MS 60000U
#define OK_REPLY    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

typedef struct Fixture {
        ConfigFixture *files;
        sd_event *event;
        KeyHolder *holder;
        Channel *channel;
        RawPeer *peer;

        ProtocolState state; /* the last one, and its label */
        char label[PROTOCOL_LABEL_MAX + 1];
        char fault[1024];
        unsigned n_states, n_loaded, n_replies, n_proofs, n_pongs, n_stopping;
        int loaded_r;
        ProtocolReply reply;
        char body[64];
        ProtocolProof proof;
} Fixture;

static int on_received(const ProtocolMessage *message, void *userdata)
{
        Fixture *f = userdata;

        switch (message->type) {
        case PROTOCOL_STATE:
                f->n_states++;
                f->state = message->state;
                snprintf(f->label, sizeof(f->label), "%s",
                         message->texts[PROTOCOL_STATE_LABEL].text);
                snprintf(f->fault, sizeof(f->fault), "%s",
                         message->texts[PROTOCOL_STATE_TEXT].text);
                break;
        case PROTOCOL_LOADED:
                f->n_loaded++;
                f->loaded_r = message->loaded.r;
                break;
        case PROTOCOL_REPLY:
                f->n_replies++;
                f->reply = message->reply;
                snprintf(f->body, sizeof(f->body), "%s", message->texts[0].text);
                break;
        case PROTOCOL_PONG:
                f->n_pongs++;
                break;
        case PROTOCOL_STOPPING:
                f->n_stopping++;
                break;
        default:
                f->n_proofs++;
                f->proof = message->proof;
        }
        return 0;
}

static void on_closed(int r, void *userdata)
{
}

/* A path that ends in "hold" gets no reply. */
static void serve(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        while (raw_peer_read(peer, fd)) {
                _cleanup_(freep) char *received = raw_peer_request(peer);

                if (!strstr(received, "/hold HTTP") && !raw_peer_print(fd, OK_REPLY))
                        return;
        }
}

static void write_configuration(const Fixture *f, const char *tenancy_id)
{
        char text[512];

        snprintf(text, sizeof(text),
                 "[Tenancy default]\nTenancyId=%s\nEndpoint=http://127.0.0.1:%u\n", tenancy_id,
                 raw_peer_port(f->peer));
        config_write_main(f->files, text);
}

static void write_key(const Fixture *f, const char *key)
{
        char path[512];
        int fd;

        snprintf(path, sizeof(path), "%s/passlock.default", f->files->directory);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, key, strlen(key)), strlen(key));
        close(fd);
}

static void run_until(const Fixture *f, const unsigned *counter, unsigned n)
{
        uint64_t deadline_ms = monotonic_ms() + PATIENCE_MS;

        while (*counter < n) {
                assert_true(monotonic_ms() < deadline_ms);
                assert_true(sd_event_run(f->event, 100000) >= 0);
        }
}

static void run_until_exit(const Fixture *f, int expected)
{
        uint64_t deadline_ms = monotonic_ms() + PATIENCE_MS;
        int code = 0;

        while (sd_event_get_exit_code(f->event, &code) < 0) {
                assert_true(monotonic_ms() < deadline_ms);
                assert_true(sd_event_run(f->event, 100000) >= 0);
        }
        assert_int_equal(code, expected);
}

static void send_message(const Fixture *f, const ProtocolMessage *message)
{
        assert_int_equal(channel_send(f->channel, message), 0);
}

static void say_hello(Fixture *f)
{
        send_message(f, &(ProtocolMessage){.type = PROTOCOL_HELLO, .hello.nonce = "nonce"});
        run_until(f, &f->n_loaded, 1);
}

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));
        int fds[2];

        assert_non_null(f);
        assert_int_equal(config_set_up((void **) &f->files), 0);
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->files->directory, 1), 0);
        f->peer = raw_peer_new(serve, NULL);
        write_configuration(f, "tenant");
        write_key(f, "sk_1");
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(keyholder_new(f->event, fds[1], f->files->file, &f->holder), 0);
        assert_int_equal(channel_new(f->event, fds[0], PROTOCOL_DAEMON,
                                     &(ChannelOwner){.received = on_received,
                                                     .closed = on_closed,
                                                     .userdata = f},
                                     &f->channel),
                         0);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        channel_free(f->channel);
        keyholder_free(f->holder);
        raw_peer_free(f->peer);
        sd_event_unref(f->event);
        config_tear_down((void **) &f->files);
        free(f);
        return 0;
}

static void request(Fixture *f, uint64_t id, uint64_t account, const char *tenancy_id,
                    const char *path, uint16_t flags)
{
        send_message(f,
                     &(ProtocolMessage){.type = PROTOCOL_REQUEST,
                                        .id = id,
                                        .request = {.account = account,
                                                    .timeout_ms = PATIENCE_MS,
                                                    .reply_len_max = 1024,
                                                    .flags = flags},
                                        .texts = {PROTOCOL_TEXT(tenancy_id), PROTOCOL_TEXT(path)}});
}

/* The result of a request. */
static int result_of(Fixture *f, uint64_t account, const char *tenancy_id, const char *path)
{
        unsigned n = f->n_replies;

        request(f, n + 1, account, tenancy_id, path, 0);
        run_until(f, &f->n_replies, n + 1);
        return f->reply.r;
}

static bool was_sent(const Fixture *f, const char *text)
{
        _cleanup_(freep) char *sent = raw_peer_request(f->peer);

        return sent && strstr(sent, text);
}

static void test_request(void **state)
{
        Fixture *f = *state;

        say_hello(f);
        assert_int_equal(f->n_states, 1);
        assert_string_equal(f->label, "default");
        assert_true(f->state.account != 0 && f->state.key != 0);
        assert_int_equal(result_of(f, f->state.account, "tenant", "/passkeys/x"), 0);
        assert_int_equal(f->reply.status, 200);
        assert_string_equal(f->body, "{}");
        assert_true(was_sent(f, "GET /v2/tenant/passkeys/x HTTP/1.1\r\n"));
        assert_true(was_sent(f, "\r\nAuthorization: Bearer sk_1\r\n"));
}

static void test_key_set_has_no_key(void **state)
{
        Fixture *f = *state;

        say_hello(f);
        request(f, 1, f->state.account, "tenant", "", PROTOCOL_KEY_SET);
        run_until(f, &f->n_replies, 1);
        assert_int_equal(f->reply.r, 0);
        assert_true(was_sent(f, "GET /v2/.well-known/jwks.json HTTP/1.1\r\n"));
        assert_false(was_sent(f, "Authorization"));
}

static void test_refused_requests(void **state)
{
        Fixture *f = *state;

        say_hello(f);
        assert_int_equal(result_of(f, f->state.account + 1, "tenant", "/x"), -ESTALE);
        assert_int_equal(result_of(f, 0, "tenant", "/x"), -ESTALE);
        assert_int_equal(result_of(f, f->state.account, "other", "/x"), -ESTALE);
        assert_int_equal(result_of(f, f->state.account, "tenant", "/../other/x"), -EINVAL);
        assert_int_equal(result_of(f, f->state.account, "tenant", "@evil.example/"), -EINVAL);
        assert_int_equal(result_of(f, f->state.account, "tenant", ""), -EINVAL);
        assert_int_equal(raw_peer_n_requests(f->peer), 0);
}

static void test_violations(void **state)
{
        Fixture *f = *state;

        say_hello(f);
        request(f, 1, f->state.account, "tenant", "/x", 0);
        request(f, 1 + PROTOCOL_CALLS_MAX, f->state.account, "tenant", "/x", 0);
        run_until_exit(f, -EPROTO);
}

static void test_request_before_hello(void **state)
{
        Fixture *f = *state;

        request(f, 1, 1, "tenant", "/x", 0);
        run_until_exit(f, -EPROTO);
}

static void test_two_hellos(void **state)
{
        Fixture *f = *state;

        say_hello(f);
        send_message(f, &(ProtocolMessage){.type = PROTOCOL_HELLO});
        run_until_exit(f, -EPROTO);
}

static void reload(Fixture *f)
{
        unsigned n = f->n_loaded;

        send_message(f, &(ProtocolMessage){.type = PROTOCOL_RELOAD, .id = n + 1});
        run_until(f, &f->n_loaded, n + 1);
}

/* Another key: the requests that come have it. */
static void test_other_key(void **state)
{
        Fixture *f = *state;
        ProtocolState first;

        say_hello(f);
        first = f->state;
        reload(f);
        assert_memory_equal(&f->state, &first, sizeof(first));
        write_key(f, "sk_2");
        reload(f);
        assert_int_equal(f->state.account, first.account);
        assert_true(f->state.key != first.key);
        assert_int_equal(result_of(f, first.account, "tenant", "/x"), 0);
        assert_true(was_sent(f, "Bearer sk_2\r\n"));
        /* As before, so it has the id that it had. */
        write_key(f, "sk_1");
        reload(f);
        assert_memory_equal(&f->state, &first, sizeof(first));
        assert_int_equal(result_of(f, first.account, "tenant", "/x"), 0);
        assert_true(was_sent(f, "Bearer sk_1\r\n"));
}

/* A replaced account can be used until its release. */
static void test_reload(void **state)
{
        Fixture *f = *state;
        ProtocolState first;

        say_hello(f);
        first = f->state;
        write_configuration(f, "other");
        reload(f);
        assert_int_equal(f->state.key, first.key);
        assert_true(f->state.account != first.account);
        assert_int_equal(result_of(f, f->state.account, "other", "/x"), 0);
        assert_int_equal(result_of(f, first.account, "tenant", "/x"), 0);
        assert_true(was_sent(f, "/v2/tenant/x"));
        send_message(
                f, &(ProtocolMessage){.type = PROTOCOL_RELEASE, .release.account = first.account});
        assert_int_equal(result_of(f, first.account, "tenant", "/x"), -ESTALE);
        /* One in force is not released. */
        send_message(f, &(ProtocolMessage){.type = PROTOCOL_RELEASE,
                                           .release.account = f->state.account});
        assert_int_equal(result_of(f, f->state.account, "other", "/x"), 0);
}

static void test_reload_that_fails(void **state)
{
        Fixture *f = *state;

        say_hello(f);
        config_write_main(f->files, "nonsense\n");
        reload(f);
        assert_true(f->loaded_r < 0);
        assert_int_equal(result_of(f, f->state.account, "tenant", "/x"), 0);
        config_write_main(f->files, "");
        reload(f);
        assert_int_equal(f->loaded_r, 0);
        assert_int_equal(f->state.account, 0); /* the label is gone */
        assert_string_equal(f->label, "default");
}

static void test_no_key(void **state)
{
        Fixture *f = *state;

        write_key(f, "two\nlines\n");
        say_hello(f);
        assert_true(f->state.account != 0 && f->state.key == 0);
        assert_int_equal(f->state.fault, PROTOCOL_FAULT_UNUSABLE);
        assert_non_null(strstr(f->fault, "has more than one line"));
        assert_int_equal(result_of(f, f->state.account, "tenant", "/x"), -ENOKEY);
        write_key(f, "sk_1");
        run_until(f, &f->n_states, 2);
        assert_true(f->state.key != 0);
        assert_int_equal(result_of(f, f->state.account, "tenant", "/x"), 0);
}

static void prove(Fixture *f, uint64_t account, const char *nonce)
{
        unsigned n = f->n_proofs;

        send_message(f, &(ProtocolMessage){.type = PROTOCOL_PROVE,
                                           .id = n + 1,
                                           .prove.account = account,
                                           .texts = {PROTOCOL_TEXT(nonce)}});
        run_until(f, &f->n_proofs, n + 1);
}

static void test_proof(void **state)
{
        Fixture *f = *state;
        _cleanup_(secret_unrefp) Secret *key = NULL;
        char nonce[] = "0123456789abcdef0123456789abcdef", expected[KEY_PROOF_LEN + 1];

        assert_int_equal(secret_new("sk_1", 4, &key), 0);
        assert_int_equal(key_proof(key, nonce, expected), 0);
        say_hello(f);
        prove(f, f->state.account, nonce);
        assert_int_equal(f->proof.r, 0);
        assert_memory_equal(f->proof.proof, expected, KEY_PROOF_LEN);
        prove(f, f->state.account, "short");
        assert_int_equal(f->proof.r, -EINVAL);
        prove(f, f->state.account + 1, nonce);
        assert_int_equal(f->proof.r, -ESTALE);
}

static void test_ping(void **state)
{
        Fixture *f = *state;

        say_hello(f);
        send_message(f, &(ProtocolMessage){.type = PROTOCOL_PING});
        run_until(f, &f->n_pongs, 1);
}

static void acknowledge(const Fixture *f)
{
        send_message(f, &(ProtocolMessage){.type = PROTOCOL_STOP_ACK});
}

/* Requests that cross the STOPPING are refused, so that the daemon can send them elsewhere. */
static void test_stop(void **state)
{
        Fixture *f = *state;

        say_hello(f);
        keyholder_stop(f->holder);
        keyholder_stop(f->holder);
        assert_int_equal(result_of(f, f->state.account, "tenant", "/x"), -ESHUTDOWN);
        prove(f, f->state.account, "0123456789abcdef0123456789abcdef");
        assert_int_equal(f->proof.r, -ESHUTDOWN);
        assert_int_equal(f->n_stopping, 1);
        assert_int_equal(raw_peer_n_requests(f->peer), 0);
        acknowledge(f);
        run_until_exit(f, 0);
}

static void run_until_sent(const Fixture *f, unsigned n)
{
        while (raw_peer_n_requests(f->peer) < n)
                assert_true(sd_event_run(f->event, 10000) >= 0);
}

/* A request that is in flight gets its reply. */
static void test_stop_during_request(void **state)
{
        Fixture *f = *state;

        say_hello(f);
        request(f, 1, f->state.account, "tenant", "/x", 0);
        run_until_sent(f, 1);
        keyholder_stop(f->holder);
        run_until(f, &f->n_stopping, 1);
        acknowledge(f);
        run_until_exit(f, 0);
        while (f->n_replies == 0)
                channel_wait(f->channel, PATIENCE_MS);
        assert_int_equal(f->reply.r, 0);
}

/* A request without a reply is not waited for, unless it must be sent once. */
static void test_stop_without_reply(void **state)
{
        Fixture *f = *state;

        say_hello(f);
        request(f, 1, f->state.account, "tenant", "/hold", 0);
        request(f, 2, f->state.account, "tenant", "/hold", PROTOCOL_ONCE);
        run_until_sent(f, 2);
        keyholder_stop(f->holder);
        run_until(f, &f->n_stopping, 1);
        acknowledge(f);
        for (uint64_t end_ms = monotonic_ms() + 1200; monotonic_ms() < end_ms;)
                assert_true(sd_event_run(f->event, 10000) >= 0);
        assert_int_equal(sd_event_get_exit_code(f->event, &(int){0}), -ENODATA);
        send_message(f, &(ProtocolMessage){.type = PROTOCOL_CANCEL, .id = 2});
        run_until_exit(f, 0);
        assert_int_equal(f->n_replies, 0);
}

static void test_acknowledgement_of_nothing(void **state)
{
        Fixture *f = *state;

        say_hello(f);
        acknowledge(f);
        run_until_exit(f, -EPROTO);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(request),
                TEST(key_set_has_no_key),
                TEST(refused_requests),
                TEST(violations),
                TEST(request_before_hello),
                TEST(two_hellos),
                TEST(other_key),
                TEST(reload),
                TEST(reload_that_fails),
                TEST(no_key),
                TEST(proof),
                TEST(ping),
                TEST(stop),
                TEST(stop_during_request),
                TEST(stop_without_reply),
                TEST(acknowledgement_of_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/wiping-allocator.h"
#include "keyholder/protocol/channel.h"
#include "tests/unit/test.h"

#define PATIENCE_MS 60000U

typedef struct End {
        Channel *channel;
        unsigned n_received, n_closed, n_sent;
        uint64_t last_id;
        size_t body_len;
        int refuse; /* result of received() */
        int r;      /* of closed() */
} End;

typedef struct Fixture {
        sd_event *event;
        End daemon, keyholder;
        int raw_fd; /* the daemon's end without a channel, or -1 */
} Fixture;

static int on_received(const ProtocolMessage *message, void *userdata)
{
        End *end = userdata;

        end->n_received++;
        end->last_id = message->id;
        if (message->type == PROTOCOL_REQUEST)
                end->body_len = message->texts[PROTOCOL_REQUEST_BODY].len;
        return end->refuse;
}

static void on_sent(void *userdata)
{
        ((End *) userdata)->n_sent++;
}

static void on_closed(int r, void *userdata)
{
        End *end = userdata;

        end->n_closed++;
        end->r = r;
        end->channel = channel_free(end->channel);
}

static void open_end(const Fixture *f, End *end, int fd, ProtocolSide side)
{
        const ChannelOwner owner = {
                .received = on_received, .sent = on_sent, .closed = on_closed, .userdata = end};

        assert_int_equal(channel_new(f->event, fd, side, &owner, &end->channel), 0);
}

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));
        int fds[2];

        assert_non_null(f);
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        f->raw_fd = fds[0];
        open_end(f, &f->keyholder, fds[1], PROTOCOL_KEYHOLDER);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        closep(&f->raw_fd);
        channel_free(f->daemon.channel);
        channel_free(f->keyholder.channel);
        sd_event_unref(f->event);
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

static void encode(uint64_t id, size_t body_len, char **ret, size_t *ret_len)
{
        _cleanup_(freep) char *body = calloc(1, body_len + 1);
        ProtocolMessage message = {.type = PROTOCOL_REQUEST,
                                   .id = id,
                                   .request = {.timeout_ms = 1, .flags = PROTOCOL_WITH_BODY},
                                   .texts = {PROTOCOL_TEXT("t"),
                                             PROTOCOL_TEXT("/x"),
                                             {.text = body, .len = body_len}}};

        assert_int_equal(protocol_encode(&message, ret, ret_len), 0);
}

static void write_bytes(const Fixture *f, const void *bytes, size_t len)
{
        assert_int_equal(write(f->raw_fd, bytes, len), len);
}

/* Messages are whole, however the stream is cut. */
static void test_byte_by_byte(void **state)
{
        Fixture *f = *state;
        _cleanup_(wiping_freep) char *bytes = NULL;
        size_t len;

        encode(5, 100, &bytes, &len);
        for (size_t i = 0; i < len; i++) {
                assert_int_equal(f->keyholder.n_received, 0);
                write_bytes(f, bytes + i, 1);
                assert_true(sd_event_run(f->event, 1000000) > 0);
        }
        assert_int_equal(f->keyholder.n_received, 1);
        assert_int_equal(f->keyholder.body_len, 100);
        assert_int_equal(f->keyholder.last_id, 5);
}

static void test_many_at_once(void **state)
{
        Fixture *f = *state;

        for (uint64_t id = 1; id <= 100; id++) {
                _cleanup_(wiping_freep) char *bytes = NULL;
                size_t len;

                encode(id, 10, &bytes, &len);
                write_bytes(f, bytes, len);
        }
        run_until(f, &f->keyholder.n_received, 100);
        assert_int_equal(f->keyholder.last_id, 100);
}

/* More than the socket takes is queued, and nothing blocks. */
static void test_full_socket(void **state)
{
        Fixture *f = *state;
        _cleanup_(wiping_freep) char *bytes = NULL;
        size_t len;

        open_end(f, &f->daemon, TAKE_FD(f->raw_fd), PROTOCOL_DAEMON);
        encode(9, PROTOCOL_BODY_MAX, &bytes, &len);
        for (int i = 0; i < 5; i++)
                assert_int_equal(channel_send_encoded(f->daemon.channel, bytes, len), 0);
        assert_true(channel_queued(f->daemon.channel) > 4 * len);
        run_until(f, &f->keyholder.n_received, 5);
        assert_int_equal(f->keyholder.body_len, PROTOCOL_BODY_MAX);
        assert_int_equal(channel_queued(f->daemon.channel), 0);
        assert_true(f->daemon.n_sent > 0);
}

static void test_end_of_file(void **state)
{
        Fixture *f = *state;
        _cleanup_(wiping_freep) char *bytes = NULL;
        size_t len;

        encode(5, 1, &bytes, &len);
        write_bytes(f, bytes, len);
        write_bytes(f, bytes, len - 1); /* cut off */
        closep(&f->raw_fd);
        f->raw_fd = -1;
        run_until(f, &f->keyholder.n_closed, 1);
        assert_int_equal(f->keyholder.r, 0);
        assert_int_equal(f->keyholder.n_received, 1);
}

static void test_invalid_header(void **state)
{
        Fixture *f = *state;
        _cleanup_(wiping_freep) char *bytes = NULL;
        size_t len;

        encode(5, 1, &bytes, &len);
        write_bytes(f, bytes, len);
        ((ProtocolHeader *) (void *) bytes)->text_len[1] = PROTOCOL_PATH_MAX + 1;
        write_bytes(f, bytes, sizeof(ProtocolHeader)); /* its message need not arrive */
        run_until(f, &f->keyholder.n_closed, 1);
        assert_int_equal(f->keyholder.r, -EPROTO);
        assert_int_equal(f->keyholder.n_received, 1);
}

static void test_invalid_message(void **state)
{
        Fixture *f = *state;
        _cleanup_(wiping_freep) char *bytes = NULL;
        size_t len;

        encode(5, 1, &bytes, &len);
        protocol_set_timeout(bytes, 0);
        write_bytes(f, bytes, len);
        run_until(f, &f->keyholder.n_closed, 1);
        assert_int_equal(f->keyholder.r, -EPROTO);
        assert_int_equal(f->keyholder.n_received, 0);
}

static void test_refused_message(void **state)
{
        Fixture *f = *state;
        _cleanup_(wiping_freep) char *bytes = NULL;
        size_t len;

        f->keyholder.refuse = -EBADE;
        encode(5, 1, &bytes, &len);
        write_bytes(f, bytes, len);
        write_bytes(f, bytes, len);
        run_until(f, &f->keyholder.n_closed, 1);
        assert_int_equal(f->keyholder.r, -EBADE);
        assert_int_equal(f->keyholder.n_received, 1);
}

/* Random bytes after a valid magic close the connection or wait for more, and do no harm. */
static void test_random_bytes(void **state)
{
        Fixture *f = *state;
        unsigned seed = 1;

        for (int round = 0; round < 300; round++) {
                ProtocolHeader header = {.magic = PROTOCOL_MAGIC};
                char bytes[512];
                int fds[2];

                header.type = (uint16_t) (rand_r(&seed) % 8);
                header.id = (uint64_t) rand_r(&seed) % 2;
                for (size_t i = 0; i < PROTOCOL_TEXTS_MAX; i++)
                        header.text_len[i] = (uint32_t) rand_r(&seed) % 4 == 0
                                                     ? (uint32_t) rand_r(&seed) % 200
                                                     : 0;
                for (size_t i = 0; i < sizeof(bytes); i++)
                        bytes[i] = (char) (rand_r(&seed) % 3);
                channel_free(TAKE_PTR(f->keyholder.channel));
                closep(&f->raw_fd);
                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
                f->raw_fd = fds[0];
                open_end(f, &f->keyholder, fds[1], PROTOCOL_KEYHOLDER);
                write_bytes(f, &header, sizeof(header));
                write_bytes(f, bytes, sizeof(bytes));
                assert_true(sd_event_run(f->event, 1000000) > 0);
        }
}

/* Without the event loop. */
static void test_wait(void **state)
{
        Fixture *f = *state;
        _cleanup_(wiping_freep) char *bytes = NULL;
        uint64_t begin_ms = monotonic_ms();
        size_t len;

        channel_wait(f->keyholder.channel, 50);
        assert_in_range(monotonic_ms() - begin_ms, 49, PATIENCE_MS);
        encode(5, 1, &bytes, &len);
        write_bytes(f, bytes, len);
        channel_wait(f->keyholder.channel, PATIENCE_MS);
        assert_int_equal(f->keyholder.n_received, 1);
        closep(&f->raw_fd);
        f->raw_fd = -1;
        channel_wait(f->keyholder.channel, PATIENCE_MS);
        assert_int_equal(f->keyholder.n_closed, 1);
}

/* A key holder whose replies are not read receives nothing more; and the connection is closed when
 * it sends without end. */
static void test_peer_that_does_not_read(void **state)
{
        static const size_t body_len = PROTOCOL_REPLY_MAX;
        _cleanup_(freep) char *body = calloc(1, body_len + 1), *bytes = NULL;
        const ProtocolMessage reply = {
                .type = PROTOCOL_REPLY, .id = 1, .texts = {{.text = body, .len = body_len}}};
        Fixture *f = *state;
        size_t len = 0;
        unsigned n = 0;

        encode(1, 1, &bytes, &len);
        for (; n < 10; n++)
                assert_int_equal(channel_send(f->keyholder.channel, &reply), 0);
        write_bytes(f, bytes, len);
        for (unsigned i = 0; i < 20; i++)
                assert_true(sd_event_run(f->event, 1000) >= 0);
        assert_int_equal(f->keyholder.n_received, 0);

        open_end(f, &f->daemon, TAKE_FD(f->raw_fd), PROTOCOL_DAEMON);
        run_until(f, &f->daemon.n_received, n);
        run_until(f, &f->keyholder.n_received, 1);
}

static void test_peer_that_reads_nothing(void **state)
{
        static const size_t body_len = PROTOCOL_REPLY_MAX;
        _cleanup_(freep) char *body = calloc(1, body_len + 1);
        const ProtocolMessage reply = {
                .type = PROTOCOL_REPLY, .id = 1, .texts = {{.text = body, .len = body_len}}};
        Fixture *f = *state;
        unsigned n = 0;

        while (channel_send(f->keyholder.channel, &reply) == 0)
                assert_true(++n < 40);
        closep(&f->raw_fd);
        f->raw_fd = -1;
        run_until(f, &f->keyholder.n_closed, 1);
        assert_int_equal(f->keyholder.r, -ENOBUFS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(byte_by_byte),
                TEST(many_at_once),
                TEST(full_socket),
                TEST(end_of_file),
                TEST(invalid_header),
                TEST(invalid_message),
                TEST(refused_message),
                TEST(random_bytes),
                TEST(wait),
                TEST(peer_that_does_not_read),
                TEST(peer_that_reads_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

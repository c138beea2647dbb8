/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/log.h"
#include "base/wiping-allocator.h"
#include "keyholder/protocol/channel.h"

#define READ_SIZE ((size_t) 64 * 1024)
/* The daemon always reads. A key holder whose replies are not read receives no more, and a peer
 * that reads nothing at all is closed. */
#define PAUSE_QUEUED ((size_t) 32 * 1024 * 1024)
#define QUEUED_MAX   ((size_t) 128 * 1024 * 1024)

/* Messages per event, so that other event sources get their turn. */
#define READS_MAX 16U

/* Messages that are sent with one system call. */
#define PARTS_MAX 64U

typedef struct Frame {
        STAILQ_ENTRY(Frame) entry;
        size_t len, n_sent;
        char bytes[];
} Frame;

struct Channel {
        sd_event_source *io;
        sd_event_source
                *flush; /* after the events that are pending: sends several messages at once */
        int fd;
        ProtocolSide side;
        ChannelOwner owner;
        char *input;
        size_t input_len, input_size;
        STAILQ_HEAD(, Frame) output;
        size_t n_queued;
        bool is_stuck; /* the peer does not read; closed at the next event */
};

static void frame_free(Frame *frame)
{
        wiping_free(frame);
}

Channel *channel_free(Channel *channel)
{
        Frame *frame;

        if (!channel)
                return NULL;
        while ((frame = STAILQ_FIRST(&channel->output))) {
                STAILQ_REMOVE_HEAD(&channel->output, entry);
                frame_free(frame);
        }
        sd_event_source_disable_unref(channel->io);
        sd_event_source_disable_unref(channel->flush);
        closep(&channel->fd);
        wiping_free(channel->input);
        free(channel);
        return NULL;
}

/* Sending */

size_t channel_queued(const Channel *channel)
{
        return channel->n_queued;
}

static bool is_paused(const Channel *channel)
{
        return channel->side == PROTOCOL_KEYHOLDER && channel->n_queued > PAUSE_QUEUED;
}

static void watch(Channel *channel, bool for_space)
{
        uint32_t events = for_space ? EPOLLOUT : 0;

        if (!is_paused(channel))
                events |= EPOLLIN;
        (void) sd_event_source_set_io_events(channel->io, events);
}

/* Drops what has been sent. */
static void drop_sent(Channel *channel, size_t n)
{
        channel->n_queued -= n;
        while (n > 0) {
                Frame *frame = STAILQ_FIRST(&channel->output);
                size_t left = frame->len - frame->n_sent;

                if (n < left) {
                        frame->n_sent += n;
                        return;
                }
                n -= left;
                STAILQ_REMOVE_HEAD(&channel->output, entry);
                frame_free(frame);
        }
}

static size_t collect(const Channel *channel, struct iovec parts[static PARTS_MAX])
{
        Frame *frame;
        size_t n = 0;

        STAILQ_FOREACH(frame, &channel->output, entry) {
                if (n == PARTS_MAX)
                        break;
                parts[n++] = (struct iovec){.iov_base = frame->bytes + frame->n_sent,
                                            .iov_len = frame->len - frame->n_sent};
        }
        return n;
}

/* Sends what the socket accepts. A broken connection shows when it is read. */
static void send_queued(Channel *channel)
{
        while (channel->n_queued > 0) {
                struct iovec parts[PARTS_MAX];
                const struct msghdr message = {.msg_iov = parts,
                                               .msg_iovlen = collect(channel, parts)};
                ssize_t n = sendmsg(channel->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        break;
                drop_sent(channel, (size_t) n);
        }
        watch(channel, channel->n_queued > 0);
}

static void flush(Channel *channel)
{
        (void) sd_event_source_set_enabled(channel->flush, SD_EVENT_OFF);
        send_queued(channel);
        if (channel->owner.sent)
                channel->owner.sent(channel->owner.userdata);
}

static int on_flush(sd_event_source *source _unused_, void *userdata)
{
        flush(userdata);
        return 0;
}

int channel_send_encoded(Channel *channel, const char *bytes, size_t len)
{
        Frame *frame;

        if (channel->n_queued + len > QUEUED_MAX) {
                channel->is_stuck = true;
                return -ENOBUFS;
        }
        frame = malloc(sizeof(Frame) + len);
        if (!frame)
                return -ENOMEM;
        *frame = (Frame){.len = len};
        memcpy(frame->bytes, bytes, len);
        STAILQ_INSERT_TAIL(&channel->output, frame, entry);
        /* Otherwise the socket is full, or an earlier message waits for the flush. */
        if (channel->n_queued == 0)
                (void) sd_event_source_set_enabled(channel->flush, SD_EVENT_ONESHOT);
        channel->n_queued += len;
        return 0;
}

int channel_send(Channel *channel, const ProtocolMessage *message)
{
        _cleanup_(wiping_freep) char *bytes = NULL;
        size_t len = 0;
        int r;

        r = protocol_encode(message, &bytes, &len);
        return r < 0 ? r : channel_send_encoded(channel, bytes, len);
}

/* Receiving */

/* Drops the first bytes, wiped. */
static void consume(Channel *channel, size_t len)
{
        size_t left = channel->input_len - len;

        memmove(channel->input, channel->input + len, left);
        explicit_bzero(channel->input + left, len);
        channel->input_len = left;
        if (left == 0 && channel->input_size > 4 * READ_SIZE) {
                wiping_free(channel->input);
                channel->input = NULL;
                channel->input_size = 0;
        }
}

static int reserve(Channel *channel, size_t size)
{
        char *input;

        if (size <= channel->input_size)
                return 0;
        input = wiping_realloc(channel->input, size);
        if (!input)
                return -ENOMEM;
        channel->input = input;
        channel->input_size = size;
        return 0;
}

/* Handles the complete messages. Returns 0, with the buffer large enough for the next one, or a
 * negative errno. */
static int handle_input(Channel *channel)
{
        size_t begin = 0, len = 0;
        int r = 0;

        while (r == 0 && channel->input_len - begin >= sizeof(ProtocolHeader)) {
                ProtocolMessage message;
                ProtocolHeader header;

                memcpy(&header, channel->input + begin, sizeof(header));
                r = protocol_read_header(&header, channel->side, &len);
                if (r < 0 || channel->input_len - begin < len)
                        break;
                r = protocol_decode(channel->input + begin, &message);
                if (r == 0)
                        r = channel->owner.received(&message, channel->owner.userdata);
                begin += len;
                len = 0;
        }
        if (begin > 0)
                consume(channel, begin);
        return r < 0 ? r : reserve(channel, len);
}

/* Returns 1 after some bytes, 0 if there are none, -ESHUTDOWN at the end of file, or a negative
 * errno. */
static int read_input(Channel *channel)
{
        ssize_t n;
        int r;

        r = reserve(channel, channel->input_len + READ_SIZE);
        if (r < 0)
                return r;
        n = recv(channel->fd, channel->input + channel->input_len,
                 channel->input_size - channel->input_len, MSG_DONTWAIT);
        if (n == 0)
                return -ESHUTDOWN;
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        channel->input_len += (size_t) n;
        r = handle_input(channel);
        return r < 0 ? r : 1;
}

static void close_channel(Channel *channel, int r)
{
        (void) sd_event_source_set_enabled(channel->io, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(channel->flush, SD_EVENT_OFF);
        channel->owner.closed(r == -ESHUTDOWN ? 0 : r, channel->owner.userdata);
}

static void serve(Channel *channel, bool can_send)
{
        int r = 1;

        if (can_send && channel->n_queued > 0)
                flush(channel);
        for (unsigned i = 0; r == 1 && i < READS_MAX && !is_paused(channel); i++)
                r = read_input(channel);
        if (is_paused(channel))
                watch(channel, true);
        if (channel->is_stuck)
                r = -ENOBUFS;
        if (r < 0)
                close_channel(channel, r);
}

static int on_io(sd_event_source *source _unused_, int fd _unused_, uint32_t events, void *userdata)
{
        serve(userdata, events & EPOLLOUT);
        return 0;
}

void channel_wait(Channel *channel, uint64_t timeout_ms)
{
        struct pollfd fd = {.fd = channel->fd,
                            .events = (short) (POLLIN | (channel->n_queued > 0 ? POLLOUT : 0))};

        if (poll(&fd, 1, timeout_ms < INT32_MAX ? (int) timeout_ms : INT32_MAX) > 0)
                serve(channel, fd.revents & POLLOUT);
}

int channel_new(sd_event *event, int fd, ProtocolSide side, const ChannelOwner *owner,
                Channel **ret)
{
        _cleanup_(channel_freep) Channel *channel = calloc(1, sizeof(Channel));
        int r;

        if (!channel) {
                close(fd);
                return -ENOMEM;
        }
        channel->fd = fd;
        channel->side = side;
        channel->owner = *owner;
        STAILQ_INIT(&channel->output);
        if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
                return log_errno_origin(-errno);
        r = log_errno_origin(sd_event_add_io(event, &channel->io, fd, EPOLLIN, on_io, channel));
        if (r >= 0)
                r = log_errno_origin(sd_event_add_defer(event, &channel->flush, on_flush, channel));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(channel->flush, SD_EVENT_OFF));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(channel);
        return 0;
}

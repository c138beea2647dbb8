/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * delay-proxy PORT|PATH DELAY_MS
 *
 * Relays connections to a TCP port of 127.0.0.1 or to a unix socket, and delivers each byte
 * DELAY_MS later, in both directions. The rate is not limited. Prints its own port, or its own
 * socket PATH-delayed.
 */

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/macro.h"

#define CHUNK_MAX (256U * 1024U)

typedef struct Connection {
        struct Pipe {
                struct Connection *connection;
                int from, to;
        } pipes[2];
        unsigned n_ended;
} Connection;

typedef struct Pipe Pipe;

/* The delay is the same for all, so chunks are due in the order of their arrival. */
typedef struct Chunk {
        TAILQ_ENTRY(Chunk) entry;
        Pipe *pipe;
        struct timespec due;
        size_t len; /* 0: end of file */
        char data[];
} Chunk;

static TAILQ_HEAD(, Chunk) chunks = TAILQ_HEAD_INITIALIZER(chunks);
static int epoll, timer, listener;
static const char *back; /* port or path */
static long delay_ns;

static void die_if(bool failed, const char *action)
{
        if (failed)
                err(EXIT_FAILURE, "Failed to %s", action);
}

static void watch(int fd, void *data)
{
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};

        die_if(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0, "watch a socket");
}

typedef union Address {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_un un;
} Address;

/* `target` is a port or a path. Returns the length of the address. */
static socklen_t make_address(Address *address, const char *target, const char *suffix)
{
        *address = (Address){};
        if (target[0] == '/') {
                address->un.sun_family = AF_UNIX;
                snprintf(address->un.sun_path, sizeof(address->un.sun_path), "%s%s", target,
                         suffix);
                return sizeof(address->un);
        }
        address->in.sin_family = AF_INET;
        address->in.sin_port = htons((uint16_t) atoi(target));
        address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof(address->in);
}

static void accept_connection(void)
{
        Connection *connection = calloc(1, sizeof(Connection));
        int near, far, one = 1;
        Address address;
        socklen_t len = make_address(&address, back, "");

        near = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        far = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        die_if(!connection || near < 0 || far < 0, "accept a connection");
        die_if(connect(far, &address.any, len) < 0, "connect");
        for (unsigned i = 0; i < 2; i++) {
                int from = i == 0 ? near : far;

                connection->pipes[i] =
                        (Pipe){.connection = connection, .from = from, .to = near + far - from};
                (void) setsockopt(from, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
                watch(from, &connection->pipes[i]);
        }
}

static void arm_timer(void)
{
        struct itimerspec spec = {.it_value = TAILQ_FIRST(&chunks)->due};

        (void) timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void read_chunk(Pipe *pipe)
{
        static char data[CHUNK_MAX];
        ssize_t n = recv(pipe->from, data, sizeof(data), MSG_DONTWAIT);
        Chunk *chunk;
        bool first = TAILQ_EMPTY(&chunks);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                n = 0;
                (void) epoll_ctl(epoll, EPOLL_CTL_DEL, pipe->from, NULL);
        }
        chunk = malloc(sizeof(Chunk) + (size_t) n);
        die_if(!chunk, "allocate a chunk");
        chunk->pipe = pipe;
        chunk->len = (size_t) n;
        memcpy(chunk->data, data, (size_t) n);
        clock_gettime(CLOCK_MONOTONIC, &chunk->due);
        chunk->due.tv_nsec += delay_ns;
        chunk->due.tv_sec += chunk->due.tv_nsec / 1000000000;
        chunk->due.tv_nsec %= 1000000000;
        TAILQ_INSERT_TAIL(&chunks, chunk, entry);
        if (first)
                arm_timer();
}

static void end_pipe(Pipe *pipe)
{
        Connection *connection = pipe->connection;

        (void) shutdown(pipe->to, SHUT_WR);
        if (++connection->n_ended < 2)
                return;
        close(pipe->from);
        close(pipe->to);
        free(connection);
}

/* Drops data for a peer that is gone. */
static void send_all(int fd, const char *data, size_t len)
{
        while (len > 0) {
                ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return;
                data += n;
                len -= (size_t) n;
        }
}

static bool is_due(const Chunk *chunk)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return chunk->due.tv_sec < now.tv_sec ||
               (chunk->due.tv_sec == now.tv_sec && chunk->due.tv_nsec <= now.tv_nsec);
}

static void deliver(void)
{
        uint64_t n_expirations;
        Chunk *chunk;

        (void) !read(timer, &n_expirations, sizeof(n_expirations));
        while ((chunk = TAILQ_FIRST(&chunks)) && is_due(chunk)) {
                TAILQ_REMOVE(&chunks, chunk, entry);
                if (chunk->len > 0)
                        send_all(chunk->pipe->to, chunk->data, chunk->len);
                else
                        end_pipe(chunk->pipe);
                free(chunk);
        }
        if (chunk)
                arm_timer();
}

static void listen_and_print(void)
{
        Address address;
        socklen_t len = make_address(&address, back[0] == '/' ? back : "0", "-delayed");

        listener = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        die_if(listener < 0 || bind(listener, &address.any, len) < 0 ||
                       listen(listener, 1024) < 0 || getsockname(listener, &address.any, &len) < 0,
               "listen");
        if (address.any.sa_family == AF_UNIX)
                puts(address.un.sun_path);
        else
                printf("%u\n", (unsigned) ntohs(address.in.sin_port));
        (void) fflush(stdout);
}

int main(int argc, char *argv[])
{
        if (argc != 3)
                errx(EXIT_FAILURE, "usage: delay-proxy PORT|PATH DELAY_MS");
        back = argv[1];
        delay_ns = atol(argv[2]) * 1000000;
        epoll = epoll_create1(EPOLL_CLOEXEC);
        timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        die_if(epoll < 0 || timer < 0, "start");
        listen_and_print();
        watch(listener, &listener);
        watch(timer, &timer);
        for (;;) {
                struct epoll_event events[64];
                int n = epoll_wait(epoll, events, ARRAY_SIZE(events), -1);

                for (int i = 0; i < n; i++) {
                        if (events[i].data.ptr == &listener)
                                accept_connection();
                        else if (events[i].data.ptr != &timer)
                                read_chunk(events[i].data.ptr);
                }
                deliver();
        }
}

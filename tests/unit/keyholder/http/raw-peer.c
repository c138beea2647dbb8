/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#include "tests/unit/keyholder/http/raw-peer.h"

#define CONNECTIONS_MAX 256
#define REQUEST_LEN_MAX 65536

/* cmocka's assertions work in the test's thread only. */
static void must(bool condition)
{
        if (!condition)
                abort();
}

typedef struct Connection {
        RawPeer *peer;
        pthread_t thread;
        int fd;
        unsigned n;
} Connection;

struct RawPeer {
        RawPeerFunc func;
        void *userdata;
        int listen_fd;
        uint16_t port;
        pthread_t thread;
        pthread_cond_t closed;
        pthread_mutex_t mutex; /* for all below */
        bool stopping;
        Connection connections[CONNECTIONS_MAX];
        unsigned n_connections;
        unsigned n_open;
        unsigned n_requests;
        char *request;
};

static void *connection_run(void *userdata)
{
        Connection *connection = userdata;
        RawPeer *peer = connection->peer;

        peer->func(peer, connection->fd, connection->n, peer->userdata);

        pthread_mutex_lock(&peer->mutex);
        close(connection->fd);
        connection->fd = -1;
        peer->n_open--;
        pthread_cond_broadcast(&peer->closed);
        pthread_mutex_unlock(&peer->mutex);
        return NULL;
}

static void *peer_run(void *userdata)
{
        RawPeer *peer = userdata;
        int fd;

        while ((fd = accept4(peer->listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                pthread_mutex_lock(&peer->mutex);
                if (peer->stopping || peer->n_connections == CONNECTIONS_MAX) {
                        close(fd);
                } else {
                        Connection *connection = &peer->connections[peer->n_connections++];

                        peer->n_open++;
                        *connection =
                                (Connection){.peer = peer, .fd = fd, .n = peer->n_connections};
                        must(pthread_create(&connection->thread, NULL, connection_run,
                                            connection) == 0);
                }
                pthread_mutex_unlock(&peer->mutex);
        }
        return NULL;
}

uint16_t raw_peer_reserve_port(int *ret_fd)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        must(fd >= 0);
        must(bind(fd, (struct sockaddr *) &address, sizeof(address)) == 0);
        must(getsockname(fd, (struct sockaddr *) &address, &len) == 0);
        *ret_fd = fd;
        return ntohs(address.sin_port);
}

RawPeer *raw_peer_new(RawPeerFunc func, void *userdata)
{
        RawPeer *peer = calloc(1, sizeof(RawPeer));

        must(peer != NULL);
        peer->func = func;
        peer->userdata = userdata;
        pthread_mutex_init(&peer->mutex, NULL);
        pthread_cond_init(&peer->closed, NULL);
        peer->port = raw_peer_reserve_port(&peer->listen_fd);
        must(listen(peer->listen_fd, 512) == 0);
        must(pthread_create(&peer->thread, NULL, peer_run, peer) == 0);
        return peer;
}

RawPeer *raw_peer_free(RawPeer *peer)
{
        if (!peer)
                return NULL;

        pthread_mutex_lock(&peer->mutex);
        peer->stopping = true;
        shutdown(peer->listen_fd, SHUT_RDWR);
        for (unsigned i = 0; i < peer->n_connections; i++)
                if (peer->connections[i].fd >= 0)
                        shutdown(peer->connections[i].fd, SHUT_RDWR);
        pthread_mutex_unlock(&peer->mutex);

        pthread_join(peer->thread, NULL);
        for (unsigned i = 0; i < peer->n_connections; i++)
                pthread_join(peer->connections[i].thread, NULL);
        close(peer->listen_fd);
        if (peer->request)
                explicit_bzero(peer->request, REQUEST_LEN_MAX);
        free(peer->request);
        free(peer);
        return NULL;
}

uint16_t raw_peer_port(const RawPeer *peer)
{
        return peer->port;
}

unsigned raw_peer_n_connections(RawPeer *peer)
{
        unsigned n;

        pthread_mutex_lock(&peer->mutex);
        n = peer->n_connections;
        pthread_mutex_unlock(&peer->mutex);
        return n;
}

unsigned raw_peer_n_requests(RawPeer *peer)
{
        unsigned n;

        pthread_mutex_lock(&peer->mutex);
        n = peer->n_requests;
        pthread_mutex_unlock(&peer->mutex);
        return n;
}

void raw_peer_wait_closed(RawPeer *peer)
{
        pthread_mutex_lock(&peer->mutex);
        while (peer->n_open > 0)
                pthread_cond_wait(&peer->closed, &peer->mutex);
        pthread_mutex_unlock(&peer->mutex);
}

char *raw_peer_request(RawPeer *peer)
{
        char *copy;

        pthread_mutex_lock(&peer->mutex);
        copy = peer->request ? strdup(peer->request) : NULL;
        pthread_mutex_unlock(&peer->mutex);
        return copy;
}

/* Length of the request at `text`, 0 if incomplete. */
static size_t request_len(const char *text)
{
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = strcasestr(text, "\r\nContent-Length:");
        size_t len;

        if (!end)
                return 0;
        len = (size_t) (end - text) + 4;
        if (length && length < end)
                len += strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
        return len;
}

static char *receive(int fd)
{
        char *text = calloc(1, REQUEST_LEN_MAX);
        size_t len = 0, wanted = 0;

        must(text != NULL);
        while (wanted == 0 || len < wanted) {
                ssize_t n = recv(fd, text + len, REQUEST_LEN_MAX - 1 - len, 0);

                if (n <= 0) {
                        free(text);
                        return NULL;
                }
                len += (size_t) n;
                wanted = request_len(text);
        }
        return text;
}

bool raw_peer_read(RawPeer *peer, int fd)
{
        char *text = receive(fd);

        if (!text)
                return false;
        pthread_mutex_lock(&peer->mutex);
        if (peer->request)
                explicit_bzero(peer->request, REQUEST_LEN_MAX);
        free(peer->request);
        peer->request = text;
        peer->n_requests++;
        pthread_mutex_unlock(&peer->mutex);
        return true;
}

char *raw_peer_receive(RawPeer *peer, int fd)
{
        char *text = receive(fd);

        if (!text)
                return NULL;
        pthread_mutex_lock(&peer->mutex);
        peer->n_requests++;
        pthread_mutex_unlock(&peer->mutex);
        return text;
}

bool raw_peer_write(int fd, const char *bytes, size_t len)
{
        while (len > 0) {
                ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

                if (n <= 0)
                        return false;
                bytes += n;
                len -= (size_t) n;
        }
        return true;
}

bool raw_peer_print(int fd, const char *text)
{
        return raw_peer_write(fd, text, strlen(text));
}

void raw_peer_hang(int fd)
{
        char ignored[4096];

        while (recv(fd, ignored, sizeof(ignored), 0) > 0)
                ;
}

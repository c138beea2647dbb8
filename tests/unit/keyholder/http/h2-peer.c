/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/socket.h>

#include "tests/unit/keyholder/http/h2-peer.h"
#include "tests/unit/keyholder/http/raw-peer.h"

#define FRAME_LEN_MAX 16384U
#define PREFACE_LEN   24

struct H2Peer {
        H2PeerFunc func;
        void *userdata;
        SSL_CTX *tls;
        RawPeer *raw;
        pthread_mutex_t mutex;
        unsigned n_requests;
};

typedef struct H2Connection {
        H2Peer *peer;
        SSL *tls;
        int fd;
        bool corked;
        uint8_t held[FRAME_LEN_MAX];
        size_t held_len;
} H2Connection;

typedef struct Frame {
        uint8_t type, flags;
        uint32_t stream_id;
        uint8_t payload[FRAME_LEN_MAX];
        size_t len;
} Frame;

static void must(bool condition)
{
        if (!condition)
                abort();
}

static int choose_h2(SSL *tls, const unsigned char **ret, unsigned char *ret_len,
                     const unsigned char *offered, unsigned offered_len, void *userdata)
{
        static const unsigned char h2[] = "\x02h2";

        return SSL_select_next_proto((unsigned char **) ret, ret_len, h2, 3, offered,
                                     offered_len) == OPENSSL_NPN_NEGOTIATED
                       ? SSL_TLSEXT_ERR_OK
                       : SSL_TLSEXT_ERR_NOACK;
}

static bool read_all(H2Connection *connection, void *bytes, size_t len)
{
        for (uint8_t *p = bytes; len > 0;) {
                int n = SSL_read(connection->tls, p, (int) len);

                if (n <= 0)
                        return false;
                p += n;
                len -= (size_t) n;
        }
        return true;
}

static void write_all(H2Connection *connection, const void *bytes, size_t len)
{
        if (connection->corked) {
                must(connection->held_len + len <= sizeof(connection->held));
                memcpy(connection->held + connection->held_len, bytes, len);
                connection->held_len += len;
        } else {
                /* ignore a closed connection */
                (void) SSL_write(connection->tls, bytes, (int) len);
        }
}

static bool read_frame(H2Connection *connection, Frame *frame)
{
        uint8_t head[9];
        uint32_t id;

        if (!read_all(connection, head, sizeof(head)))
                return false;
        memcpy(&id, head + 5, 4);
        frame->len = (size_t) head[0] << 16 | (size_t) head[1] << 8 | head[2];
        frame->type = head[3];
        frame->flags = head[4];
        frame->stream_id = ntohl(id) & 0x7fffffff;
        must(frame->len <= sizeof(frame->payload));
        return read_all(connection, frame->payload, frame->len);
}

void h2_send(const H2Stream *stream, uint8_t type, uint8_t flags, uint32_t stream_id,
             const void *payload, size_t len)
{
        uint8_t bytes[9 + FRAME_LEN_MAX] = {(uint8_t) (len >> 16), (uint8_t) (len >> 8),
                                            (uint8_t) len, type, flags};
        uint32_t id = htonl(stream_id);

        must(len <= FRAME_LEN_MAX);
        memcpy(bytes + 5, &id, 4);
        if (len > 0)
                memcpy(bytes + 9, payload, len);
        write_all(stream->connection, bytes, 9 + len);
}

void h2_reply_headers(const H2Stream *stream)
{
        /* in HPACK's static table, this is ":status: 200" */
        h2_send(stream, H2_HEADERS, H2_END_HEADERS, stream->id, "\x88", 1);
}

void h2_reply(const H2Stream *stream)
{
        h2_reply_headers(stream);
        h2_send(stream, H2_DATA, H2_END_STREAM, stream->id, "hi", 2);
}

void h2_reset(const H2Stream *stream, uint32_t error)
{
        uint32_t payload = htonl(error);

        h2_send(stream, H2_RST_STREAM, 0, stream->id, &payload, sizeof(payload));
}

void h2_goaway(const H2Stream *stream, uint32_t last_id, uint32_t error)
{
        uint32_t payload[] = {htonl(last_id), htonl(error)};

        h2_send(stream, H2_GOAWAY, 0, 0, payload, sizeof(payload));
}

void h2_cork(const H2Stream *stream)
{
        stream->connection->corked = true;
}

void h2_flush(const H2Stream *stream)
{
        H2Connection *connection = stream->connection;

        connection->corked = false;
        write_all(connection, connection->held, connection->held_len);
        connection->held_len = 0;
}

void h2_send_raw(const H2Stream *stream, const char *bytes, size_t len)
{
        (void) raw_peer_write(stream->connection->fd, bytes, len);
}

static unsigned count_request(H2Peer *peer)
{
        unsigned n;

        pthread_mutex_lock(&peer->mutex);
        n = ++peer->n_requests;
        pthread_mutex_unlock(&peer->mutex);
        return n;
}

static H2Verdict handle_request(H2Connection *connection, uint32_t id)
{
        H2Peer *peer = connection->peer;
        H2Stream stream = {.connection = connection, .id = id, .n = count_request(peer)};

        return peer->func(peer, &stream, peer->userdata);
}

static H2Verdict handle_frame(H2Connection *connection, const Frame *frame)
{
        const H2Stream all = {.connection = connection};

        switch (frame->type) {
        case H2_SETTINGS:
                if (!(frame->flags & H2_ACK))
                        h2_send(&all, H2_SETTINGS, H2_ACK, 0, NULL, 0);
                break;
        case H2_PING:
                if (!(frame->flags & H2_ACK))
                        h2_send(&all, H2_PING, H2_ACK, 0, frame->payload, frame->len);
                break;
        case H2_HEADERS:
        case H2_DATA:
                must(frame->type == H2_DATA || frame->flags & H2_END_HEADERS);
                if (frame->flags & H2_END_STREAM)
                        return handle_request(connection, frame->stream_id);
                break;
        }
        return H2_GO_ON;
}

static void serve_frames(H2Connection *connection)
{
        const H2Stream all = {.connection = connection};
        H2Verdict verdict = H2_GO_ON;
        char preface[PREFACE_LEN];
        Frame frame;

        if (!read_all(connection, preface, sizeof(preface)))
                return;
        if (memcmp(preface, "PRI * HTTP/2.0", 14) != 0) {
                (void) count_request(connection->peer);
                return;
        }
        h2_send(&all, H2_SETTINGS, 0, 0, NULL, 0);
        while (verdict == H2_GO_ON && read_frame(connection, &frame))
                verdict = handle_frame(connection, &frame);

        if (verdict == H2_CLOSE_NOTIFY)
                SSL_shutdown(connection->tls);
        if (verdict == H2_RESET) {
                const struct linger reset = {.l_onoff = 1};

                must(setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0);
        }
}

static void serve(RawPeer *raw, int fd, unsigned n, void *userdata)
{
        H2Peer *peer = userdata;
        H2Connection connection = {.peer = peer, .tls = SSL_new(peer->tls), .fd = fd};

        must(connection.tls && SSL_set_fd(connection.tls, fd) == 1);
        if (SSL_accept(connection.tls) == 1)
                serve_frames(&connection);
        SSL_free(connection.tls);
}

H2Peer *h2_peer_new(const TlsPeer *certificate, H2PeerFunc func, void *userdata)
{
        H2Peer *peer = calloc(1, sizeof(H2Peer));

        must(peer != NULL);
        peer->func = func;
        peer->userdata = userdata;
        pthread_mutex_init(&peer->mutex, NULL);
        peer->tls = SSL_CTX_new(TLS_server_method());
        must(peer->tls &&
             SSL_CTX_use_certificate_file(peer->tls, tls_peer_ca_file(certificate),
                                          SSL_FILETYPE_PEM) == 1 &&
             SSL_CTX_use_PrivateKey_file(peer->tls, tls_peer_key_file(certificate),
                                         SSL_FILETYPE_PEM) == 1);
        SSL_CTX_set_alpn_select_cb(peer->tls, choose_h2, NULL);
        peer->raw = raw_peer_new(serve, peer);
        return peer;
}

H2Peer *h2_peer_free(H2Peer *peer)
{
        if (!peer)
                return NULL;
        raw_peer_free(peer->raw);
        SSL_CTX_free(peer->tls);
        pthread_mutex_destroy(&peer->mutex);
        free(peer);
        return NULL;
}

uint16_t h2_peer_port(const H2Peer *peer)
{
        return raw_peer_port(peer->raw);
}

unsigned h2_peer_n_connections(H2Peer *peer)
{
        return raw_peer_n_connections(peer->raw);
}

unsigned h2_peer_n_requests(H2Peer *peer)
{
        unsigned n;

        pthread_mutex_lock(&peer->mutex);
        n = peer->n_requests;
        pthread_mutex_unlock(&peer->mutex);
        return n;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tests/unit/keyholder/http/tls-peer.h"

/*
 * An HTTP/2 server with TLS for the name localhost, on top of RawPeer. The test controls every
 * reply, valid or not. Headers are not decoded. A client without HTTP/2 counts as a request, and
 * gets no reply.
 */
typedef struct H2Peer H2Peer;

/* A request, complete with its body. */
typedef struct H2Stream {
        struct H2Connection *connection;
        uint32_t id; /* 1, 3, 5, ... */
        unsigned n;  /* requests of all connections, from 1 */
} H2Stream;

typedef enum H2Verdict {
        H2_GO_ON,
        H2_CLOSE,        /* closes the TCP connection without a TLS alert */
        H2_CLOSE_NOTIFY, /* sends close_notify, then closes the TCP connection */
        H2_RESET,        /* resets the TCP connection */
} H2Verdict;

/* Runs in the thread of the connection. */
typedef H2Verdict (*H2PeerFunc)(H2Peer *peer, const H2Stream *stream, void *userdata);

/* Uses only certificate and key of the other peer. */
H2Peer *h2_peer_new(const TlsPeer *certificate, H2PeerFunc func, void *userdata);
H2Peer *h2_peer_free(H2Peer *peer);

uint16_t h2_peer_port(const H2Peer *peer);
unsigned h2_peer_n_connections(H2Peer *peer);
unsigned h2_peer_n_requests(H2Peer *peer);

enum {
        H2_NO_ERROR = 0,
        H2_PROTOCOL_ERROR = 1,
        H2_INTERNAL_ERROR = 2,
        H2_REFUSED_STREAM = 7,
        H2_CANCEL = 8,
        H2_HTTP_1_1_REQUIRED = 13,
};

enum {
        H2_DATA = 0,
        H2_HEADERS = 1,
        H2_RST_STREAM = 3,
        H2_SETTINGS = 4,
        H2_PING = 6,
        H2_GOAWAY = 7,
};

enum {
        H2_END_STREAM = 1,
        H2_ACK = 1,
        H2_END_HEADERS = 4,
        H2_PADDED = 8,
};

/* Sends any frame, valid or not. */
void h2_send(const H2Stream *stream, uint8_t type, uint8_t flags, uint32_t stream_id,
             const void *payload, size_t len);
/* Replies with status 200 and "hi". */
void h2_reply(const H2Stream *stream);
/* Sends only the headers of that reply. */
void h2_reply_headers(const H2Stream *stream);
void h2_reset(const H2Stream *stream, uint32_t error);
void h2_goaway(const H2Stream *stream, uint32_t last_id, uint32_t error);
/* Holds back frames until h2_flush(), which sends them in one TLS record. */
void h2_cork(const H2Stream *stream);
void h2_flush(const H2Stream *stream);
/* Sends bytes on the TCP connection, outside of TLS. */
void h2_send_raw(const H2Stream *stream, const char *bytes, size_t len);

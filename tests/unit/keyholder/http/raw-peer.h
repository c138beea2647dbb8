/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * A server on a free port of 127.0.0.1. For each connection, a thread runs the test's function,
 * which may send anything, and then closes the connection.
 */
typedef struct RawPeer RawPeer;

/* `n` counts the connections from 1. */
typedef void (*RawPeerFunc)(RawPeer *peer, int fd, unsigned n, void *userdata);

RawPeer *raw_peer_new(RawPeerFunc func, void *userdata);
/* Closes all connections and joins the threads. Returns NULL. */
RawPeer *raw_peer_free(RawPeer *peer);

/* A port without a listener, reserved until the descriptor is closed. */
uint16_t raw_peer_reserve_port(int *ret_fd);

uint16_t raw_peer_port(const RawPeer *peer);
unsigned raw_peer_n_connections(RawPeer *peer);
unsigned raw_peer_n_requests(RawPeer *peer);
/* Waits until the peer has closed all its connections. */
void raw_peer_wait_closed(RawPeer *peer);

/* Returns the latest request that was read, headers and body. The caller frees it. */
char *raw_peer_request(RawPeer *peer);

/* Reads one request to its end and counts it. Returns false if the connection ends before. */
bool raw_peer_read(RawPeer *peer, int fd);
/* Like raw_peer_read(), but returns the request, which the caller frees; NULL if the connection
 * ends. */
char *raw_peer_receive(RawPeer *peer, int fd);
/* Returns false if the client has closed the connection. */
bool raw_peer_write(int fd, const char *bytes, size_t len);
bool raw_peer_print(int fd, const char *text);
/* Waits for the other side to close. */
void raw_peer_hang(int fd);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * TLS servers for the name localhost, on free ports of 127.0.0.1, which reply "hi" to every GET:
 * libmicrohttpd, optionally behind nghttpx for HTTP/2. One request for "/hang" is allowed, and gets
 * no reply.
 */
typedef struct TlsPeer TlsPeer;

/* NULL if not installed. `idle_s`: closes idle connections; 0: never. */
TlsPeer *tls_peer_new_http1(unsigned idle_s);
TlsPeer *tls_peer_new_http2(unsigned max_streams);
/* Returns NULL. */
TlsPeer *tls_peer_free(TlsPeer *peer);

uint16_t tls_peer_port(const TlsPeer *peer);
/* The self-signed certificate. */
const char *tls_peer_ca_file(const TlsPeer *peer);
/* The key of the certificate. */
const char *tls_peer_key_file(const TlsPeer *peer);

/* The number of connections that clients have made. */
unsigned tls_peer_n_connections(TlsPeer *peer);
/* Waits until no connection is open; not for HTTP/2. */
void tls_peer_wait_closed(TlsPeer *peer);
/* Holds back replies until n requests have arrived. */
void tls_peer_gather(TlsPeer *peer, unsigned n);
/* Number of held requests. */
unsigned tls_peer_n_gathered(TlsPeer *peer);
/* Freezes existing connections; HTTP/2 only. */
void tls_peer_freeze(TlsPeer *peer);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/etcd/etcd-transport.h"

/* An EtcdTransport by libcurl within the process, without credentials. */
typedef struct CurlTransport CurlTransport;

#define CURL_ENDPOINTS_MAX 4U

/* The endpoints are at http://127.0.0.1:PORT; ports are copied. Aborts when out of memory. */
CurlTransport *curl_transport_new(sd_event *event, const uint16_t *ports, unsigned n_ports);
/* All requests must have ended. NULL is fine. Returns NULL. */
CurlTransport *curl_transport_free(CurlTransport *transport);
/* Lives as long as the CurlTransport. */
const EtcdTransport *curl_transport_get(const CurlTransport *transport);

/* Sends a request and waits, outside of the event loop. Returns the status, 0 without a reply. */
unsigned curl_transport_post(uint16_t port, const char *path, const char *body);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/secret.h"
#include "daemon/api/api-transport.h"

/* A transport without a key holder: HTTP from the same process. */
typedef struct HttpTransport HttpTransport;

HttpTransport *http_transport_new(sd_event *event);
/* After all calls. */
void http_transport_free(HttpTransport *transport);

/* The account of an endpoint and a key (may be NULL; referenced). */
uint64_t http_transport_add(HttpTransport *transport, const char *endpoint, Secret *key);
const ApiTransport *http_transport_get(const HttpTransport *transport);

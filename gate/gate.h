/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "client/libpasslock/passlock.h"
#include "client/libpasslock/transport/call.h"
#include "gate/http-server.h"
#include "gate/link-streams.h"
#include "gate/metrics.h"

/* The right to the daemon's metrics, as of the last call. */
typedef struct MetricsRight {
        bool is_granted;
        const void *asking;     /* the request that asks; or NULL */
        uint64_t missing_at_ms; /* when it was missing; 0: never */
} MetricsRight;

/* The gate of one app: HTTP requests become calls of libpasslock, in one event loop. */
typedef struct Gate {
        sd_event *event;
        passlock *client;
        sd_event_source *client_source;
        HttpServer *server;
        LinkStreams streams;
        Metrics metrics;
        Method *methods;           /* of libpasslock, by index of gate_methods */
        const char *default_label; /* NULL: the daemon's default tenancy */
        uint64_t exit_idle_usec;   /* 0: never */
        sd_event_source *idle;
        MetricsRight metrics_right;
        bool stopping;
} Gate;

/*
 * Serves a listening socket, which the gate takes. `label` is borrowed; NULL for the daemon's
 * default tenancy. The gate ends its loop when it was stopped, or had no connection for
 * `exit_idle_sec` (0: never). Returns 0 or a negative errno.
 */
int gate_new(sd_event *event, int fd, const char *label, unsigned exit_idle_sec, Gate **ret);
Gate *gate_free(Gate *gate);
DEFINE_CLEANUP(Gate *, gate_free);

/* Finishes the calls in flight, then ends the loop. */
void gate_stop(Gate *gate);

/*
 * Selects the tenancy of the next call by the request's parameter. Returns 0, ERROR_INVALID_ARGS or
 * a negative errno. `ret_label` is borrowed; NULL for the daemon's default tenancy.
 */
int gate_select_tenancy(Gate *gate, const HttpRequest *request, const char **ret_label);

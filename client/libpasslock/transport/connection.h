/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/macro.h"

/*
 * The connection to the system bus, opened on request and reopened after a disconnect. It tracks
 * the owner of the service's name and drops signals from other senders: on a system bus any peer
 * may send unicast signals.
 *
 * Handlers are called from the event loop, never from a function below. They may call all of them
 * except connection_free().
 */
typedef struct Connection Connection;

typedef struct ConnectionHandlers {
        /* The bus is connected and the name's owner is known. */
        void (*ready)(void *userdata);
        /*
         * Connecting failed; `r` is for bus_error_from_connect(). The next connection_request()
         * retries.
         */
        void (*failed)(int r, void *userdata);
        /* The connection was lost, and its calls have failed. The next connection_request()
         * reconnects. */
        void (*lost)(void *userdata);
        /* The service has started, stopped or been replaced. */
        void (*owner_changed)(void *userdata);
        /* A signal from the service. */
        void (*signalled)(sd_bus_message *m, void *userdata);
} ConnectionHandlers;

/* Returns 0 or a negative errno. Does not connect yet. */
int connection_new(sd_event *event, const ConnectionHandlers *handlers, void *userdata,
                   Connection **ret);
Connection *connection_free(Connection *c);
DEFINE_CLEANUP(Connection *, connection_free);

/* Borrowed; NULL unless the bus is connected. */
sd_bus *connection_get_bus(Connection *c);
/* Unique name of the service; NULL if it is not on the bus. */
const char *connection_get_owner(Connection *c);

/* Cached object path of the default tenancy, dropped when the owner changes. NULL: unknown. */
const char *connection_get_default_path(Connection *c);
/* `path` may be NULL. Returns 0, or -ENOMEM and clears the cache. */
int connection_set_default_path(Connection *c, const char *path);

/* Connects with the next run of the event loop, unless connected or connecting. */
int connection_request(Connection *c);
/* Connects after an exponential back-off of up to half a second. */
int connection_retry_later(Connection *c);

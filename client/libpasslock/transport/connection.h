/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/macro.h"

/*
 * The connection to the system bus, made when wanted and again after it was lost. It knows who owns
 * the service's name, and believes no signal that the owner did not send: on a system bus anybody
 * may send anybody signals.
 *
 * All handlers are called from the event loop, never from inside a function below. Each may call
 * any of them but connection_free().
 */
typedef struct Connection Connection;

typedef struct ConnectionHandlers {
        /* The bus is there, and the owner of the name is known. */
        void (*ready)(void *userdata);
        /* The bus could not be reached, or does not let us in: `r` is for bus_error_from_connect().
         * Nothing more happens until it is wanted again. */
        void (*failed)(int r, void *userdata);
        /* The bus was there and is gone. Calls on it have failed before this. As above. */
        void (*lost)(void *userdata);
        /* The service has started, stopped or was replaced. */
        void (*owner_changed)(void *userdata);
        /* A signal from the service. */
        void (*signalled)(sd_bus_message *m, void *userdata);
} ConnectionHandlers;

/* Returns 0 or a negative errno. Does not connect yet. */
int connection_new(sd_event *event, const ConnectionHandlers *handlers, void *userdata,
                   Connection **ret);
Connection *connection_free(Connection *c);
DEFINE_CLEANUP(Connection *, connection_free);

/* Lent; NULL unless the bus can be used now. */
sd_bus *connection_get_bus(Connection *c);
/* The unique name of the service; NULL if it is not on the bus. */
const char *connection_get_owner(Connection *c);

/* Its default tenancy's object, kept for as long as it is the owner. NULL: it is to be asked for.
 */
const char *connection_get_default_path(Connection *c);
/* `path` may be NULL. Returns 0 or -ENOMEM, and then it is NULL. */
int connection_set_default_path(Connection *c, const char *path);

/* Connects as soon as the event loop runs, unless that is done or under way. */
int connection_request(Connection *c);
/* Connects in a moment, which is longer each time until it works, up to half a second. */
int connection_retry_later(Connection *c);

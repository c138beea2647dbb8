/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/macro.h"

/* Queries of the bus driver about the service, which the library does not offer. */
typedef struct SystemBus SystemBus;

/* The bus driver itself answers quickly. */
#define SYSTEM_BUS_TIMEOUT_MS 5000U

/* Another connection, whose handshake proceeds meanwhile. */
typedef struct SystemBusPeer {
        int fd; /* polled for input */
        void (*dispatch)(void *userdata);
        void *userdata;
} SystemBusPeer;

/* Connects, and asks whether the service is running, with a timeout. NULL on failure; calls of the
 * library report the reason. */
SystemBus *system_bus_new(unsigned timeout_ms);
SystemBus *system_bus_new_beside(unsigned timeout_ms, const SystemBusPeer *peer);
SystemBus *system_bus_free(SystemBus *bus);
DEFINE_CLEANUP(SystemBus *, system_bus_free);

/* When the bus connected; false if the query failed. Does not activate the service. */
bool system_bus_has_service(const SystemBus *bus);
/* 0 if the name has no owner or the query fails. Does not activate the service. */
pid_t system_bus_service_process(SystemBus *bus);

typedef enum Activation {
        ACTIVATION_PENDING,
        ACTIVATION_DONE,
        ACTIVATION_REFUSED, /* the bus cannot start the service */
        ACTIVATION_LATE,    /* the bus's activation timeout expired */
} Activation;

/* Starts the service by D-Bus activation. Returns 0 or a negative errno. */
int system_bus_activate(SystemBus *bus);
/* Waits for the result of the activation, up to a timeout. */
Activation system_bus_wait_for_activation(SystemBus *bus, unsigned timeout_ms);

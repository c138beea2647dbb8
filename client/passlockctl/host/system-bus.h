/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/macro.h"

/* What there is to learn from the bus itself about the service: the library has no call for it. */
typedef struct SystemBus SystemBus;

/* It answers in no time, unless something is wrong with it. */
#define SYSTEM_BUS_TIMEOUT_MS 5000U

/* Connects, in that time. NULL if that cannot be done; what calls of the library say tells why. */
SystemBus *system_bus_new(unsigned timeout_ms);
SystemBus *system_bus_free(SystemBus *bus);
DEFINE_CLEANUP(SystemBus *, system_bus_free);

/* These start nothing. The process is 0 if nobody offers the service, or the bus does not say. */
bool system_bus_has_service(SystemBus *bus);
pid_t system_bus_service_process(SystemBus *bus);

typedef enum Activation {
        ACTIVATION_PENDING,
        ACTIVATION_DONE,
        ACTIVATION_REFUSED, /* the bus cannot start it */
        ACTIVATION_LATE,    /* the bus has given up waiting */
} Activation;

/* Has the bus start the service, as a call would. Returns 0 or a negative errno. */
int system_bus_activate(SystemBus *bus);
/* What has come of that; waits for it, for so long at most. */
Activation system_bus_wait_for_activation(SystemBus *bus, unsigned timeout_ms);

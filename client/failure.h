/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

/*
 * What an error message from the bus means to a call, as its return value:
 *      > 0          an enum passlock_error, said by the service or by the bus's policy
 *      -EHOSTDOWN   the bus itself says that the service is not there, and was not started
 *      -ECONNRESET  the service or the bus went away before it answered
 *      -EOPNOTSUPP  the service does not know the method
 *      -EPROTO      anything else.
 */
int failure_from_message(sd_bus_message *m);

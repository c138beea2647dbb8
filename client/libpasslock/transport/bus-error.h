/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

#define BUS_ERROR_TEXT_MAX 256U

/*
 * What an error message from the bus means to a call, as its return value:
 *      > 0          an enum passlock_error, said by the service or by the bus's policy
 *      -EHOSTDOWN   the bus itself says that the service is not there, and was not started
 *      -ECONNRESET  the service or the bus went away before it answered
 *      -EOPNOTSUPP  the service does not know the method
 *      -EPROTO      anything else.
 */
int bus_error_from_message(sd_bus_message *m);

/* The text that came with it, or, without one, its name. NULL for lack of memory. */
char *bus_error_text_from_message(sd_bus_message *m);

/*
 * What it means to a call that no connection to the bus could be had, which `r` says, an errno of
 * sd-bus: -ENOTCONN, PASSLOCK_ERROR_LIMITS_EXCEEDED if the user has as many connections as the bus
 * allows, or -ENOMEM. `ret_text` says more, without a bare errno.
 */
int bus_error_from_connect(int r, char ret_text[static BUS_ERROR_TEXT_MAX]);

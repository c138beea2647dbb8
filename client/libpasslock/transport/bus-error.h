/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

#define BUS_ERROR_TEXT_MAX 256U

/*
 * Maps an error reply to the return value of a call:
 *     > 0          an enum passlock_error, sent by the service or by the bus's policy
 *     -EHOSTDOWN   the bus driver replied: the service is not running and was not started
 *     -ECONNRESET  the service or the bus went away before the reply
 *     -EOPNOTSUPP  the service does not know the method
 *     -EPROTO      anything else.
 */
int bus_error_from_message(sd_bus_message *m);

/* The error's message or, if it is empty, its name. NULL if out of memory. */
char *bus_error_text_from_message(sd_bus_message *m);

/*
 * Maps the errno of a failed connection attempt by sd-bus to the return value of a call: -ENOTCONN,
 * PASSLOCK_ERROR_LIMITS_EXCEEDED if the bus's limit of connections per user is reached, or -ENOMEM.
 * `ret_text` is the error message.
 */
int bus_error_from_connect(int r, char ret_text[static BUS_ERROR_TEXT_MAX]);

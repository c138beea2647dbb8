/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* The largest useful messages: an import of LINKS_IMPORT_MAX links, and any other. */
#define MESSAGE_BULK_MAX ((size_t) 1536 * 1024)
#define MESSAGE_MAX      ((size_t) 256 * 1024)

/*
 * Checks that the unread part of a message has at most about `max` bytes: the bus allows messages
 * thousands of times larger than any method needs, and a pending message costs the daemon's memory.
 * Reads the message, up to `max`. Returns 0, -EMSGSIZE, or another negative errno for a message
 * that cannot be read.
 */
int message_check_size(sd_bus_message *m, size_t max);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

/*
 * Round trips through the bus: calls from the daemon's connection to the daemon's own bus name. The
 * bus delivers them in order with the calls of others, so a reply proves that both directions work
 * and that callers reach the daemon.
 *
 * A flood delays a ping as it delays all calls. So a ping that is pending while the bus reads from
 * the connection and delivers to it does not count as lost.
 */
typedef struct Ping Ping;

/* `bus` must outlive this. Register it after all other filters: it answers its own calls before
 * them, without rate limits. Returns 0 or a negative errno. */
int ping_new(sd_bus *bus, Ping **ret);
Ping *ping_free(Ping *ping);
DEFINE_CLEANUP(Ping *, ping_free);

/* Sends a ping, unless one is pending. */
void ping_send(Ping *ping);
/* Whether the last ping has been answered, or none was sent. */
bool ping_is_answered(const Ping *ping);
/* Whether the bus has both read and delivered messages since the ping, or since the last call of
 * this function. */
bool ping_has_progress(Ping *ping);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/*
 * Is what a message has in it, from where it is read next on, no more than about `max` bytes? The
 * bus lets messages through that are thousands of times what any method has a use for, and one that
 * waits is memory that its sender does not pay for. Reads up to there, and not beyond `max`.
 * Returns 0, -EMSGSIZE, or another negative errno for what cannot be read at all.
 */
int message_check_size(sd_bus_message *m, size_t max);

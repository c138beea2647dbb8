/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/* Pings systemd's watchdog, see sd_watchdog_enabled(3), even if the process is out of descriptors.
 */
typedef struct Watchdog Watchdog;

/* Returns 0 or a negative errno. */
int watchdog_new(sd_event *event, Watchdog **ret);
Watchdog *watchdog_free(Watchdog *watchdog);
DEFINE_CLEANUP(Watchdog *, watchdog_free);

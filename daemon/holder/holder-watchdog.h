/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/* Notices that the key holder hangs: asks it with a PING when it has been silent for some seconds
 * although the daemon awaits something. Does not wake up otherwise. */
typedef struct HolderWatchdog HolderWatchdog;

typedef struct HolderWatchdogOwner {
        bool (*awaits)(void *userdata);
        void (*ping)(void *userdata);
        void (*hangs)(void *userdata); /* no response; may feed, and disarm */
        void *userdata;
} HolderWatchdogOwner;

/* Returns 0 or a negative errno. */
int holder_watchdog_new(sd_event *event, const HolderWatchdogOwner *owner, HolderWatchdog **ret);
/* NULL is fine. Returns NULL. */
HolderWatchdog *holder_watchdog_free(HolderWatchdog *watchdog);
DEFINE_CLEANUP(HolderWatchdog *, holder_watchdog_free);

/* Something is awaited. */
void holder_watchdog_arm(HolderWatchdog *watchdog);
/* A message has arrived. */
void holder_watchdog_feed(HolderWatchdog *watchdog);
/* There is no connection any more. */
void holder_watchdog_disarm(HolderWatchdog *watchdog);

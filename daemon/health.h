/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/bus-check.h"
#include "daemon/commit-dispatcher.h"
#include "daemon/notify.h"
#include "daemon/store/store.h"

/*
 * Sends watchdog pings (WatchdogSec=) while the event loop runs, callers reach the daemon, the
 * store can be read, and its writer thread makes progress. The state of calls, the API and the
 * journal is irrelevant: a restart would not help.
 */
typedef struct Health Health;

/* Arguments must outlive it. Does nothing without a watchdog. */
int health_new(sd_event *event, BusCheck *bus_check, Store *store, CommitDispatcher *dispatcher,
               Notify *notify, Health **ret);
Health *health_free(Health *health);
DEFINE_CLEANUP(Health *, health_free);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/commit-dispatcher.h"
#include "daemon/notify.h"
#include "daemon/store/store.h"

/*
 * Tells systemd's watchdog that the daemon is well as long as it is: the event loop comes round,
 * the store can be read, and its writer gets done what it is given. Else nothing is said, and
 * systemd starts another; see WatchdogSec= in the unit. That calls end, the API answers, or the
 * journal is fast, is not asked: a new process would not be better at it.
 */
typedef struct Health Health;

/* What is passed is lent, and outlives it. Does nothing where there is no watchdog. */
int health_new(sd_event *event, Store *store, CommitDispatcher *dispatcher, Notify *notify,
               Health **ret);
Health *health_free(Health *health);
DEFINE_CLEANUP(Health *, health_free);

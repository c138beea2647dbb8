/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/invocation.h"

typedef enum ServiceStart {
        SERVICE_RUNS,
        SERVICE_UNKNOWN, /* not known without a call */
        SERVICE_FAILS,   /* the unit failed; see doctor_check_unit() */
        SERVICE_LATE,    /* the unit did not start in time */
} ServiceStart;

/*
 * Starts the service by D-Bus activation if it is not running, and waits until it is running or its
 * unit has failed: the bus reports a failed unit only after 25 seconds. SERVICE_UNKNOWN without
 * systemd, or if the bus refuses.
 */
ServiceStart service_start(const Invocation *invocation);

/* Reports why the service did not start. Returns the exit status. */
int service_report(const Invocation *invocation, ServiceStart start);

/* Starts the service, or reports why it did not start. Returns 0 or the exit status. */
int service_require(const Invocation *invocation);

/* After a failed call: reports the unit's faults if the service is not running. */
void service_report_absence(void);

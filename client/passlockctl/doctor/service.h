/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/invocation.h"

typedef enum ServiceStart {
        SERVICE_RUNS,
        SERVICE_UNKNOWN, /* a call has to find out */
        SERVICE_FAILS,   /* the unit failed; see doctor_check_unit() */
        SERVICE_LATE,    /* the unit did not start in time */
} ServiceStart;

/*
 * Starts the service by D-Bus activation if it is not running, and waits until it is running or its
 * unit has failed, which the bus itself reports only after 25 seconds. SERVICE_UNKNOWN without
 * systemd, or if the bus refuses.
 */
ServiceStart service_start(const Invocation *invocation);

/* Reports why the service did not start. Returns the exit status. */
int service_report(const Invocation *invocation, ServiceStart start);

/* Starts the service or reports why not. Returns 0 if calls make sense. */
int service_require(const Invocation *invocation);

/* After a failed call: reports a failed unit. */
void service_report_absence(void);

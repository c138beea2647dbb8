/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/invocation.h"

typedef enum ServiceStart {
        SERVICE_RUNS,
        SERVICE_UNKNOWN, /* a call will tell */
        SERVICE_FAILS,   /* its unit cannot start; doctor_check_unit() finds out why */
        SERVICE_LATE,    /* its unit has not started in time */
} ServiceStart;

/*
 * Has the bus start the service if it is not there, and waits until it is up or its unit has
 * failed, which the bus itself does not notice for half a minute. Without systemd, or if the bus
 * refuses, nothing is known here.
 */
ServiceStart service_start(const Invocation *invocation);

/* Says on standard error what doctor has found out about a service that has not started. Returns
 * the exit status. */
int service_report(const Invocation *invocation, ServiceStart start);

/* The two together. Returns 0 if there is a use in calling it. */
int service_require(const Invocation *invocation);

/* After a call that has failed: says why, if the unit has failed meanwhile. */
void service_report_absence(void);

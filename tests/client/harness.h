/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>
#include <sys/types.h>

#include "base/macro.h"
#include "tests/unit/test.h"

/* A private bus with a scripted service instead of the daemon, see fake-service.c. */
typedef struct Harness {
        char dir[64];
        pid_t bus;
        pid_t service;
        int service_fd; /* output of the service, a line per call */
        passlock *client;
} Harness;

/* cmocka fixtures: a bus with a service, with D-Bus activation of the service, without a
 * service. */
int harness_setup(void **state);
int harness_setup_activatable(void **state);
int harness_setup_bus_only(void **state);
/* Like harness_setup(), with a connection limit per user. */
#define HARNESS_CONNECTIONS_MAX 4
int harness_setup_crowded(void **state);
int harness_teardown(void **state);

/* Stops the bus with SIGKILL, and starts it again with the same address. */
void harness_stop_bus(Harness *h);
void harness_start_bus(Harness *h);
/* `option` may be NULL. Returns when the name is owned. */
void harness_start_service(Harness *h, const char *option);
void harness_stop_service(Harness *h);
/* Waits until the service has exited by itself. */
void harness_reap_service(Harness *h);

/* Runs the client's loop until `*done` reaches `n`. */
void harness_run_until(Harness *h, const unsigned *done, unsigned n);
/* Runs the client's loop until the service has written the line. */
void harness_run_until_line(Harness *h, const char *line);
/* Runs the client's loop until it is idle. */
void harness_settle(Harness *h);

/* Counts the lines with this beginning in the log of all services. */
unsigned harness_count_log(Harness *h, const char *beginning);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>
#include <sys/types.h>

#include "base/macro.h"
#include "tests/unit/test.h"

/* A private bus, and on it a scripted service that stands in for the daemon: see fake-service.c. */
typedef struct Harness {
        char dir[64];
        pid_t bus;
        pid_t service;
        int service_fd; /* output of the service, a line for each call */
        passlock *client;
} Harness;

/* For cmocka: a bus with a service, one with a service that is started on demand, a bus only. */
int harness_setup(void **state);
int harness_setup_activatable(void **state);
int harness_setup_bus_only(void **state);
/* As the first, but the bus allows a user so many connections. */
#define HARNESS_CONNECTIONS_MAX 4
int harness_setup_crowded(void **state);
int harness_teardown(void **state);

/* Kills with SIGKILL and waits. On the same address again, later. */
void harness_stop_bus(Harness *h);
void harness_start_bus(Harness *h);
/* `option` may be NULL. Returns when the name is owned. */
void harness_start_service(Harness *h, const char *option);
void harness_stop_service(Harness *h);
/* Waits until it has ended by itself. */
void harness_reap_service(Harness *h);

/* Runs the client's loop until `*done` reaches `n`. */
void harness_run_until(Harness *h, const unsigned *done, unsigned n);
/* Runs the client's loop until the service has written that line. */
void harness_run_until_line(Harness *h, const char *line);
/* Runs the client's loop for as long as something happens at once. */
void harness_settle(Harness *h);

/* How many lines of all services' log begin so. */
unsigned harness_count_log(Harness *h, const char *beginning);

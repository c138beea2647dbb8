/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/doctor/check-report.h"
#include "client/passlockctl/host/daemon-environment.h"
#include "client/passlockctl/host/http.h"

/* What is known of the way to the API before it is looked at. */
typedef struct ApiRoute {
        const char *endpoint;
        const char *ca_file; /* NULL: the system's */
        const char *proxy;   /* by which the daemon goes; NULL: none */
        uint32_t timeout_ms;
        bool daemon_gets_answers; /* so that what this tool cannot reach is no fault */
} ApiRoute;

/*
 * Checks the way to the API, its name and TLS, by the daemon's proxy, with a question that needs no
 * key. Returns 0 with the answer, or an outcome that is none, if that is bad; or -ENOMEM.
 */
int doctor_check_api(CheckReport *checks, const ApiRoute *route, HttpResponse *ret);

/* Compares the clock with what time the answer says it is. */
void doctor_check_clock(CheckReport *checks, const HttpResponse *answer);

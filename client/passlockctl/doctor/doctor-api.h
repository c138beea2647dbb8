/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/doctor/check-report.h"
#include "client/passlockctl/host/daemon-environment.h"
#include "client/passlockctl/host/http.h"

/* The route to the API. */
typedef struct ApiRoute {
        const char *endpoint;
        const char *ca_file; /* NULL: system CAs */
        const char *proxy;   /* the daemon's proxy; NULL: none */
        uint32_t timeout_ms;
        bool daemon_gets_answers; /* then a failure of passlockctl is no fault */
} ApiRoute;

/*
 * Checks name resolution and TLS of the endpoint, through the daemon's proxy, with a request that
 * needs no key. Returns 0 with the response or its failure, or -ENOMEM.
 */
int doctor_check_api(CheckReport *checks, const ApiRoute *route, HttpResponse *ret);

/* Compares the clock with the response's Date header. */
void doctor_check_clock(CheckReport *checks, const HttpResponse *answer);

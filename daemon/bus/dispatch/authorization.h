/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/dispatch/request.h"

/* Open checks of one uid. The bus allows 128 pending replies for the daemon's whole connection. */
#define AUTHORIZATIONS_MAX 100U

/* r is 0 if the request is authorized, else the error to fail with. */
typedef void (*AuthorizationFunc)(Request *request, int r);

/*
 * Asks polkit to authorize a request that no grant allows. The function runs later, unless the
 * request is freed first: ACCESS_DENIED for anything but a yes, UNKNOWN_OBJECT if the label stands
 * for another tenancy or endpoint by then. Returns 0, ACCESS_DENIED, LIMITS_EXCEEDED or a negative
 * errno.
 */
int authorization_ask(Request *request, const Question *question, AuthorizationFunc func);

/* Fails all requests that wait for polkit with ACCESS_DENIED. */
void authorization_deny_all(Bus *bus);

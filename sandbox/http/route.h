/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/endpoints/call.h"

/* How a caller is authenticated. */
typedef enum Caller {
        CALLER_BACKEND, /* by the API key of the tenancy */
        CALLER_PAGE,    /* by a token in the request; any origin */
        CALLER_ANYONE,
        CALLER_ASSET, /* not authenticated; any origin may read the reply */
} Caller;

typedef struct Route {
        const char *method;
        const char *path; /* first *: tenancy id, second *: argument; assets have no tenancy */
        Caller caller;
        Endpoint endpoint;
        const char *field; /* a member of every 2xx reply */
        Reply *(*handler)(const Call *call);
        ErrorTag malformed; /* error for a malformed request */
} Route;

/* Returns the route of a call, and sets the call's members from the path; or NULL. */
const Route *route_find(Call *call);

/* Returns true if the path answers CORS preflights. */
bool route_is_for_pages(const char *path);

/*
 * Authenticates the caller, parses the request, runs the handler, saves the state. Returns an owned
 * reply.
 */
Reply *route_answer(const Route *route, Call *call);

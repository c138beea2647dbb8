/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/endpoints/call.h"

/* Who may make a call, and how they show it. */
typedef enum Caller {
        CALLER_BACKEND, /* with the tenancy's API key */
        CALLER_PAGE,    /* of any origin, with a token in the request */
        CALLER_ANYONE,
        CALLER_SCRIPT, /* any page, to import a module */
} Caller;

typedef struct Route {
        const char *method;
        const char *path; /* the first * is the tenancy's segment, the second the argument */
        Caller caller;
        Endpoint endpoint;
        const char *field; /* a member that every good answer has */
        Reply *(*handler)(const Call *call);
        ErrorTag malformed; /* what a request that cannot be read is called; BadRequest mostly */
} Route;

/* Finds the route of a call and puts the parts of the path into the call. NULL: there is none. */
const Route *route_find(Call *call);

/* True if pages of other origins may ask for leave to make calls with this path. */
bool route_is_for_pages(const char *path);

/* Admits the call, reads its request, has it handled, and saves the result. Returns owned. */
Reply *route_answer(const Route *route, Call *call);

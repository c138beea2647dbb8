/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/endpoint.h"

/*
 * Fault injection: KIND[=VALUE][@ENDPOINT][*COUNT]. Default: every endpoint, no limit of the count.
 */

typedef enum FaultKind {
        FAULT_HANG,       /* read the request and never reply */
        FAULT_DELAY,      /* reply after a number of milliseconds */
        FAULT_REFUSE,     /* close the connection, skip the handler */
        FAULT_GARBAGE,    /* skip the handler: 200 with invalid JSON */
        FAULT_HTML,       /* skip the handler: 200 with HTML */
        FAULT_LARGE,      /* skip the handler: 200 with a number of bytes of JSON */
        FAULT_STATUS,     /* skip the handler: this HTTP status */
        FAULT_DROP,       /* run the handler, then close the connection */
        FAULT_CUT,        /* run the handler, send half of the reply, then close the connection */
        FAULT_WRONG_TYPE, /* run the handler, change the type of a member of the reply */
        FAULT_MISSING,    /* run the handler, remove a member of the reply */
        _FAULT_KIND_MAX,
        FAULT_NONE = -1,
} FaultKind;

enum {
        FAULTS_MAX = 64,
        FAULT_SPEC_MAX = 128, /* with the NUL byte */
        FAULT_FIELD_MAX = 32, /* with the NUL byte */
};

typedef struct Fault {
        FaultKind kind;
        uint64_t number;             /* VALUE, if a number */
        char field[FAULT_FIELD_MAX]; /* VALUE, if a member name; "": the route's field */
        Endpoint endpoint;           /* ENDPOINT_NONE: any */
        uint64_t remaining;          /* UINT64_MAX: no limit */
} Fault;

/* The active faults; the first match is used. */
typedef struct FaultList {
        Fault faults[FAULTS_MAX];
        size_t n_faults;
} FaultList;

/* Parses a specification. Returns NULL or a static error message. */
const char *fault_parse(const char *spec, Fault *ret);

/* Formats a fault with its remaining count, into FAULT_SPEC_MAX bytes. */
void fault_format(const Fault *fault, char *ret);

/* Appends a fault. Returns NULL or a static error message. */
const char *fault_list_add(FaultList *list, const char *spec);

/* Returns the fault for a call and decrements its count; or a fault of kind FAULT_NONE. */
Fault fault_list_take(FaultList *list, Endpoint endpoint);

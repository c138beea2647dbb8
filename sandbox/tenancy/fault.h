/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/endpoint.h"

/*
 * What a service may do to its clients, on demand: KIND[=VALUE][@ENDPOINT][*COUNT]. Without an
 * endpoint it befalls every call of the API, without a count every time.
 */

typedef enum FaultKind {
        FAULT_HANG,       /* take the request and never answer */
        FAULT_DELAY,      /* answer after so many milliseconds */
        FAULT_REFUSE,     /* close the connection instead of doing the work */
        FAULT_GARBAGE,    /* instead of the work: 200, and no JSON */
        FAULT_HTML,       /* instead of the work: 200, and a web page */
        FAULT_LARGE,      /* instead of the work: 200, and so many bytes of JSON */
        FAULT_STATUS,     /* instead of the work: this status */
        FAULT_DROP,       /* do the work, then close the connection */
        FAULT_CUT,        /* do the work, send half of the answer, then close the connection */
        FAULT_WRONG_TYPE, /* do the work; a member of the answer has another type */
        FAULT_MISSING,    /* do the work; a member of the answer is left out */
        _FAULT_KIND_MAX,
        FAULT_NONE = -1,
} FaultKind;

enum {
        FAULTS_MAX = 64,
        FAULT_SPEC_MAX = 128, /* bytes, with the final NUL */
        FAULT_FIELD_MAX = 32, /* likewise */
};

typedef struct Fault {
        FaultKind kind;
        uint64_t number;             /* the value of a kind that takes a number */
        char field[FAULT_FIELD_MAX]; /* of a kind that takes a member's name; "": the call's own */
        Endpoint endpoint;           /* ENDPOINT_NONE: any */
        uint64_t remaining;          /* UINT64_MAX: for ever */
} Fault;

/* The faults in force. Where several apply, it is the first. */
typedef struct FaultList {
        Fault faults[FAULTS_MAX];
        size_t n_faults;
} FaultList;

/* Reads a specification. Returns NULL, or what is wrong in a static sentence. */
const char *fault_parse(const char *spec, Fault *ret);

/* Writes the specification of a fault as it stands, into FAULT_SPEC_MAX bytes. */
void fault_format(const Fault *fault, char *ret);

/* Adds a fault after all others. Returns NULL, or what is wrong in a static sentence. */
const char *fault_list_add(FaultList *list, const char *spec);

/* Returns the fault that befalls a call, which is thereby used once, or one of kind FAULT_NONE. */
Fault fault_list_take(FaultList *list, Endpoint endpoint);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The methods that the gate serves, generated from the XML in dbus/ by generate.py. */

/* A key of a dictionary argument. */
typedef struct GateKey {
        const char *name;
        const char *type;
} GateKey;

typedef struct GateArgument {
        const char *name;
        const char *type;
        const GateKey *keys; /* of an a{sv} or aa{sv}; ends with a NULL name. NULL: not an input */
        bool flat;           /* the keys are members beside the arguments */
} GateArgument;

typedef struct GateMethod {
        const char *name; /* Links.GetUser */
        const char *interface;
        const char *member;
        const GateArgument *in;  /* ends with a NULL name */
        const GateArgument *out; /* ends with a NULL name */
} GateMethod;

extern const GateMethod gate_methods[];
extern const size_t gate_methods_len;

/* The OpenAPI description: JSON, without a NUL. */
extern const char gate_openapi[];
extern const size_t gate_openapi_len;

/* Returns the method of this name, or NULL. */
const GateMethod *gate_method_find(const char *name);

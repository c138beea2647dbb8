/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

/* A member of a structure that is read from an a{sv}. */
typedef struct Field {
        const char *name;
        char type; /* 's': char *, 't': uint64_t, 'b': bool */
        bool required;
        size_t offset;
} Field;

/*
 * Reads the a{sv} that comes next in the message into `object`; the strings there are then owned,
 * also after a failure. Unknown keys are passed over. Returns 0, -EPROTO (a wrong type, a key
 * twice, a required one missing) or -ENOMEM.
 */
int dictionary_read(sd_bus_message *m, const Field *fields, size_t n_fields, void *object);

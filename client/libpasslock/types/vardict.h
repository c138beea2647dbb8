/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

/* A member of a structure that is read from an a{sv}. */
typedef struct VardictField {
        const char *name;
        char type; /* 's': char *, 't': uint64_t, 'b': bool, 'a': char ** of a list of strings */
        bool required;
        size_t offset;
} VardictField;

/*
 * Reads the a{sv} that comes next in the message into `object`; the strings and lists there are
 * then owned, also after a failure. Unknown keys are passed over. Returns 0, -EPROTO (a wrong type,
 * a key twice, a required one missing) or -ENOMEM.
 */
int vardict_read(sd_bus_message *m, const VardictField *fields, size_t n_fields, void *object);

/* Wipes and frees the strings and lists that were read into `object`. */
void vardict_clear(const VardictField *fields, size_t n_fields, void *object);

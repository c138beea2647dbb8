/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

/* A structure member that is read from an a{sv}. */
typedef struct VardictField {
        const char *name;
        char type; /* 's': char *, 't': uint64_t, 'b': bool, 'a': char ** of a list of strings */
        bool required;
        size_t offset;
} VardictField;

#define FIELD_TYPE(member) \
        _Generic((member), char * : 's', uint64_t : 't', bool : 'b', char ** : 'a')
#define FIELD(object, name, required, member) \
        { \
                (name), FIELD_TYPE(((object *) NULL)->member), (required), \
                        offsetof(object, member) \
        }

/*
 * Reads an a{sv} from the message into `object`, which owns the strings and lists, even after a
 * failure. Unknown keys are ignored. Returns 0, -EPROTO (wrong type, duplicate key, missing
 * required key) or -ENOMEM.
 */
int vardict_read(sd_bus_message *m, const VardictField *fields, size_t n_fields, void *object);

/* Erases and frees the strings and lists of `object`. */
void vardict_clear(const VardictField *fields, size_t n_fields, void *object);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

/*
 * The a{sv} options at the end of most methods, described by a table. Unknown and duplicate names,
 * wrong types and invalid values are rejected, never ignored.
 */
typedef struct Option {
        const char *name;
        const char *type; /* signature: s, b, u, t, as or au */
        void *value; /* const char **, bool *, uint32_t *, uint64_t *, char ***, OptionNumbers * */
        bool (*is_valid)(const char *text); /* of a string, or of each in a list; NULL: any */
} Option;

/* The value of an au, lent by the message. */
typedef struct OptionNumbers {
        const uint32_t *numbers;
        size_t n;
} OptionNumbers;

/* Size of an explanation. */
#define OPTION_ERROR_SIZE 128U

/*
 * Reads a dictionary. Absent options leave their values unchanged. Strings are lent by the message,
 * lists are to be freed. Returns 0, a negative errno, or INVALID_ARGS with an explanation in
 * `ret_text`.
 */
int options_read(sd_bus_message *message, const Option *options, size_t n_options,
                 char ret_text[static OPTION_ERROR_SIZE]);

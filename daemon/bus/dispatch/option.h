/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

/*
 * The a{sv} at the end of most methods. A table says what is known; an unknown name, a name given
 * twice, a wrong type or a value that is not valid is refused, never ignored.
 */
typedef struct Option {
        const char *name;
        char type;   /* 's', 'b', 'u', 't', or 'a' for as */
        void *value; /* const char **, bool *, uint32_t *, uint64_t *, char *** */
        bool (*is_valid)(const char *text); /* of a string, or of each in a list; NULL: any */
} Option;

/* More strings than this in a list are refused. */
#define OPTION_LIST_MAX 256U

/*
 * Reads a dictionary. Values that are not given stay as they were. Strings are lent by the message,
 * lists are the caller's. Returns 0, a negative errno, or INVALID_ARGS with a sentence in
 * `ret_text`.
 */
int options_read(sd_bus_message *message, const Option *options, size_t n_options,
                 char ret_text[static 128]);

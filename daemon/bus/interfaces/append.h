/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "daemon/model/principal.h"

/* Append an entry to an open a{sv}. Return 0 or more, or a negative errno. */

/* Appends nothing if the value is NULL. */
int bus_append_string(sd_bus_message *m, const char *name, const char *value);
typedef struct BusString {
        const char *name, *value;
} BusString;
int bus_append_strings(sd_bus_message *m, const BusString *strings, size_t n_strings);
int bus_append_bool(sd_bus_message *m, const char *name, bool value);
int bus_append_uint64(sd_bus_message *m, const char *name, uint64_t value);
int bus_append_strv(sd_bus_message *m, const char *name, char *const *value);

int bus_append_principal(sd_bus_message *m, const Principal *principal);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

/* What an aa{sv} holds, each element an object of its own. */
typedef struct VardictArray {
        void **items;
        size_t n;
} VardictArray;

/*
 * Reads the aa{sv} that comes next in the message, one by one with `read_one`, which returns 0,
 * -EPROTO or -ENOMEM. So does this; what was read before a failure is in the array, too.
 */
int vardict_array_read(VardictArray *array, sd_bus_message *m,
                       int (*read_one)(sd_bus_message *m, void **ret));

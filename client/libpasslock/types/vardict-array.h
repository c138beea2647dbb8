/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

/* The elements of an aa{sv}, each parsed into an object. */
typedef struct VardictArray {
        void **items;
        size_t n;
} VardictArray;

/*
 * Reads an aa{sv} from the message, each element with `read_one`, which returns 0, -EPROTO or
 * -ENOMEM. Returns the same. After a failure the array holds the elements read so far.
 */
int vardict_array_read(VardictArray *array, sd_bus_message *m,
                       int (*read_one)(sd_bus_message *m, void **ret));

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/vardict-array.h"

/* Grows the array at each power of two. */
static int array_grow(VardictArray *array)
{
        size_t capacity = array->n ? array->n * 2 : 1;
        void **grown;

        if ((array->n & (array->n - 1)) != 0)
                return 0;
        grown = reallocarray(array->items, capacity, sizeof(void *));
        if (!grown)
                return -ENOMEM;
        array->items = grown;
        return 0;
}

int vardict_array_read(VardictArray *array, sd_bus_message *m,
                       int (*read_one)(sd_bus_message *m, void **ret))
{
        int r;

        if (sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "a{sv}") <= 0)
                return -EPROTO;
        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                r = array_grow(array);
                if (r == 0)
                        r = read_one(m, &array->items[array->n]);
                if (r < 0)
                        return r;
                array->n++;
        }
        return r < 0 || sd_bus_message_exit_container(m) < 0 ? -EPROTO : 0;
}

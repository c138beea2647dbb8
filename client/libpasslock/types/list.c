/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/list.h"

void list_clear(void *object)
{
        List *list = object;

        for (size_t i = 0; i < list->n; i++)
                object_unref(list->items[i]);
        free(list->items);
        free(list->next_cursor);
}

/* Grows the array at each power of two. */
static int list_grow(List *list)
{
        size_t capacity = list->n ? list->n * 2 : 1;
        void **grown;

        if ((list->n & (list->n - 1)) != 0)
                return 0;
        grown = reallocarray(list->items, capacity, sizeof(void *));
        if (!grown)
                return -ENOMEM;
        list->items = grown;
        return 0;
}

int list_read(sd_bus_message *m, void *object)
{
        List *list = object;
        const ObjectType *element = list->object.type->element;
        int r;

        if (sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, element->signature ?: "a{sv}") <=
            0)
                return -EPROTO;
        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                r = list_grow(list);
                if (r == 0)
                        r = object_read(m, element, &list->items[list->n]);
                if (r < 0)
                        return r;
                list->n++;
        }
        return r < 0 || sd_bus_message_exit_container(m) < 0 ? -EPROTO : 0;
}

int list_read_page(sd_bus_message *m, void *object)
{
        List *list = object;
        const char *cursor;
        int r;

        r = list_read(m, list);
        if (r < 0)
                return r;
        if (sd_bus_message_read(m, "s", &cursor) <= 0)
                return -EPROTO;
        list->next_cursor = strdup(cursor);
        return list->next_cursor ? 0 : -ENOMEM;
}

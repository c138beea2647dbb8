/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/list.h"

static void list_clear(void *object)
{
        List *list = object;

        for (size_t i = 0; i < list->n; i++)
                object_unref(list->items[i]);
        free(list->items);
        free(list->next_cursor);
}

static const ObjectType list_type = {.size = sizeof(List), .clear = list_clear};

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

int list_read(sd_bus_message *m, const char *element_type, ListReader read_one, void **ret)
{
        _cleanup_(object_unrefp) List *list = object_new(&list_type);
        int r;

        if (!list)
                return -ENOMEM;
        if (sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, element_type) <= 0)
                return -EPROTO;
        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                r = list_grow(list);
                if (r == 0)
                        r = read_one(m, &list->items[list->n]);
                if (r < 0)
                        return r;
                list->n++;
        }
        if (r < 0 || sd_bus_message_exit_container(m) < 0)
                return -EPROTO;
        *ret = TAKE_PTR(list);
        return 0;
}

int list_read_page(sd_bus_message *m, ListReader read_one, void **ret)
{
        _cleanup_(object_unrefp) void *object = NULL;
        const char *cursor;
        List *list;
        int r;

        r = list_read(m, "a{sv}", read_one, &object);
        if (r < 0)
                return r;
        list = object;
        if (sd_bus_message_read(m, "s", &cursor) <= 0)
                return -EPROTO;
        list->next_cursor = strdup(cursor);
        if (!list->next_cursor)
                return -ENOMEM;
        *ret = TAKE_PTR(object);
        return 0;
}

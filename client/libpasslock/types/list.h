/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/libpasslock/types/object.h"

/* A list of objects, or a page of one. */
typedef struct List {
        Object object;
        void **items;
        size_t n;
        char *next_cursor; /* NULL: not a page */
} List;

/* ObjectType.read: an array of elements, and an aa{sv} with the next cursor. */
int list_read(sd_bus_message *m, void *object);
int list_read_page(sd_bus_message *m, void *object);

/* ObjectType.clear */
void list_clear(void *object);

#define LIST_TYPE(read_list, element_type) \
        { \
                .size = sizeof(List), .read = (read_list), .clear = list_clear, \
                .element = (element_type) \
        }

/* The public functions of a list type. */
#define DEFINE_LIST(element) \
        struct passlock_##element##_list { \
                List list; \
        }; \
        DEFINE_REF(element##_list); \
        DEFINE_GETTER(element##_list, size_t, get_size, list.n); \
        _public_ passlock_##element *passlock_##element##_list_get( \
                const passlock_##element##_list *l, size_t index) \
        { \
                return index < l->list.n ? l->list.items[index] : NULL; \
        } \
        struct swallow_semicolon

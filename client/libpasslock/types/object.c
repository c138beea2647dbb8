/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/object.h"

void *object_new(const ObjectType *type)
{
        Object *object = calloc(1, type->size);

        if (object)
                *object = (Object){.type = type, .n_ref = 1};
        return object;
}

void *object_ref(void *p)
{
        Object *object = p;

        if (object)
                object->n_ref++;
        return object;
}

void *object_unref(void *p)
{
        Object *object = p;

        if (!object || --object->n_ref > 0)
                return NULL;
        vardict_clear(object->type->fields, object->type->n_fields, object);
        if (object->type->clear)
                object->type->clear(object);
        free(object);
        return NULL;
}

int object_read(sd_bus_message *m, const ObjectType *type, void **ret)
{
        _cleanup_(object_unrefp) void *object = object_new(type);
        int r;

        if (!object)
                return -ENOMEM;
        r = type->read ? type->read(m, object)
                       : vardict_read(m, type->fields, type->n_fields, object);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}

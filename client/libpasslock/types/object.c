/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/strv.h"
#include "client/libpasslock/types/bus-string.h"
#include "client/libpasslock/types/object.h"

static int read_string(sd_bus_message *m, char **ret)
{
        const char *s;

        if (sd_bus_message_read(m, "v", "s", &s) < 0)
                return -EPROTO;
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

static int read_bool(sd_bus_message *m, bool *ret)
{
        int b;

        if (sd_bus_message_read(m, "v", "b", &b) < 0)
                return -EPROTO;
        *ret = b;
        return 0;
}

static int read_list(sd_bus_message *m, char ***ret)
{
        int r;

        if (sd_bus_message_enter_container(m, SD_BUS_TYPE_VARIANT, "as") <= 0)
                return -EPROTO;
        r = sd_bus_message_read_strv(m, ret);
        if (r < 0)
                return r == -ENOMEM ? r : -EPROTO;
        return sd_bus_message_exit_container(m) < 0 ? -EPROTO : 0;
}

static int read_objects(sd_bus_message *m, const ObjectType *type, void **ret)
{
        char signature[16];
        int r;

        (void) snprintf(signature, sizeof(signature), "a%s", type->element->signature ?: "a{sv}");
        if (sd_bus_message_enter_container(m, SD_BUS_TYPE_VARIANT, signature) <= 0)
                return -EPROTO;
        r = object_read(m, type, ret);
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(m) < 0 ? -EPROTO : 0;
}

static int read_field(sd_bus_message *m, const Field *field, void *object)
{
        void *member = (char *) object + field->offset;

        switch (field->type) {
        case 's':
                return read_string(m, member);
        case 'b':
                return read_bool(m, member);
        case 'a':
                return read_list(m, member);
        case 'o':
                return read_objects(m, field->list, member);
        case 'u':
                return sd_bus_message_read(m, "v", "u", (uint32_t *) member) < 0 ? -EPROTO : 0;
        default:
                return sd_bus_message_read(m, "v", "t", (uint64_t *) member) < 0 ? -EPROTO : 0;
        }
}

static int read_entry(sd_bus_message *m, const ObjectType *type, uint32_t *seen, void *object)
{
        const char *name;

        if (sd_bus_message_read(m, "s", &name) < 0)
                return -EPROTO;
        for (size_t i = 0; i < type->n_fields; i++) {
                if (!streq(type->fields[i].name, name))
                        continue;
                if (*seen & UINT32_C(1) << i)
                        return -EPROTO;
                *seen |= UINT32_C(1) << i;
                return read_field(m, &type->fields[i], object);
        }
        return sd_bus_message_skip(m, "v") < 0 ? -EPROTO : 0;
}

/* Refuses duplicate keys and missing required ones, and ignores unknown ones. */
static int read_fields(sd_bus_message *m, const ObjectType *type, void *object)
{
        uint32_t seen = 0;
        int r;

        if (sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{sv}") <= 0)
                return -EPROTO;
        while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                r = read_entry(m, type, &seen, object);
                if (r < 0)
                        return r;
                if (sd_bus_message_exit_container(m) < 0)
                        return -EPROTO;
        }
        if (r < 0 || sd_bus_message_exit_container(m) < 0)
                return -EPROTO;
        for (size_t i = 0; i < type->n_fields; i++)
                if (type->fields[i].required && !(seen & UINT32_C(1) << i))
                        return -EPROTO;
        return 0;
}

static void clear_fields(const ObjectType *type, void *object)
{
        for (size_t i = 0; i < type->n_fields; i++) {
                void *member = (char *) object + type->fields[i].offset;

                if (type->fields[i].type == 's')
                        bus_string_erase_and_free(*(char **) member);
                if (type->fields[i].type == 'a')
                        strv_free(*(char ***) member);
                if (type->fields[i].type == 'o')
                        object_unref(*(void **) member);
        }
}

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
        clear_fields(object->type, object);
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
        r = type->read ? type->read(m, object) : read_fields(m, type, object);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}

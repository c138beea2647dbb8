/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"
#include "client/libpasslock/passlock.h"

/* A structure member that is read from an a{sv}. */
typedef struct Field {
        const char *name;
        char type; /* 's': char *, 'u': uint32_t, 't': uint64_t, 'b': bool, 'a': char ** of a list
                      of strings, 'o': a List * of a type */
        bool required;
        size_t offset;
        const struct ObjectType *list; /* of 'o' */
} Field;

#define FIELD_TYPE(member) \
        _Generic((member), char * : 's', uint32_t : 'u', uint64_t : 't', bool : 'b', char ** : 'a')
#define FIELD(object, name, required, member) \
        { \
                (name), FIELD_TYPE(((object *) NULL)->member), (required), \
                        offsetof(object, member), NULL \
        }
#define FIELD_LIST(object, name, required, member, type) \
        { \
                (name), 'o', (required), offsetof(object, member), (type) \
        }

typedef struct ObjectType {
        size_t size;
        const Field *fields; /* erased and freed with the object */
        size_t n_fields;
        int (*read)(sd_bus_message *m, void *object); /* NULL: reads the fields from an a{sv} */
        void (*clear)(void *object);                  /* frees other members; may be NULL */
        const char *signature;                        /* of a list element; NULL: a{sv} */
        const struct ObjectType *element;             /* of a list */
} ObjectType;

/* First member of the structures that replies are parsed into. */
typedef struct Object {
        const ObjectType *type;
        unsigned n_ref;
} Object;

/* Returns a zeroed object with one reference. NULL if out of memory. */
void *object_new(const ObjectType *type);

/* Accept NULL. */
void *object_ref(void *object);
void *object_unref(void *object);

/* Reads an object. Returns 0, -EPROTO or -ENOMEM. */
int object_read(sd_bus_message *m, const ObjectType *type, void **ret);

static inline void object_unrefp(void *p)
{
        object_unref(*(void **) p);
}

/* The public functions of a type. */
#define DEFINE_REF(object) \
        _public_ passlock_##object *passlock_##object##_ref(passlock_##object *object) \
        { \
                return object_ref(object); \
        } \
        _public_ passlock_##object *passlock_##object##_unref(passlock_##object *object) \
        { \
                return object_unref(object); \
        } \
        struct swallow_semicolon

#define DEFINE_GETTER(object, type, name, member) \
        _public_ type passlock_##object##_##name(const passlock_##object *object) \
        { \
                return object->member; \
        } \
        struct swallow_semicolon

/* A missing list is an empty one. */
#define DEFINE_STRV_GETTER(object, member) \
        _public_ const char *const *passlock_##object##_get_##member( \
                const passlock_##object *object) \
        { \
                static const char *const none[] = {NULL}; \
                return object->member ? (const char *const *) object->member : none; \
        } \
        struct swallow_semicolon

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Basic macros and functions. The sandbox shares no code with the daemon, so that the tests of one
 * do not repeat the bugs of the other.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define TAKE_PTR(p) \
        ({ \
                __typeof__(p) *_pp = &(p), _v = *_pp; \
                *_pp = NULL; \
                _v; \
        })

/* DEFINE_CLEANUP(Reply *, reply_free) defines reply_freep() for _cleanup_(reply_freep). */
#define DEFINE_CLEANUP(type, func) \
        static inline void func##p(type *p) \
        { \
                if (*p) \
                        func(*p); \
        } \
        struct swallow_semicolon

static inline void freep(void *p)
{
        free(*(void **) p);
}

static inline void closep(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

static inline bool streq(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

static inline bool startswith(const char *s, const char *prefix)
{
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Returns a string member, lent by the object, or NULL if there is none. */
static inline const char *json_text(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key));
}

/* Returns true if the array contains this string. */
static inline bool json_array_contains(const json_t *array, const char *text)
{
        for (size_t i = 0; i < json_array_size(array); i++)
                if (streq(json_string_value(json_array_get(array, i)), text))
                        return true;
        return false;
}

/* Aborts if an allocation failed. Inputs are bounded, and this is a development tool. */
static inline void *must(void *p)
{
        if (!p)
                abort();
        return p;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Basic macros, types and string helpers. */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* assert() also runs in release builds: a broken invariant must not reach the store. */
#ifdef NDEBUG
#error "Do not define NDEBUG"
#endif

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))
#define _public_       __attribute__((visibility("default")))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Moves ownership out of a variable: its cleanup then frees nothing. */
#define TAKE(v, empty) \
        ({ \
                __typeof__(v) *_pv = &(v), _v = *_pv; \
                *_pv = (empty); \
                _v; \
        })
#define TAKE_PTR(p) TAKE(p, NULL)
#define TAKE_FD(fd) TAKE(fd, -1)

/* The struct that has `p` as its `member`. */
#define container_of(p, type, member) ((type *) (void *) ((char *) (p) -offsetof(type, member)))

/* DEFINE_CLEANUP(Link *, link_free) defines link_freep() for _cleanup_(link_freep). */
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

/* Like streq(), but NULL equals NULL only. */
static inline bool streq_ptr(const char *a, const char *b)
{
        return a && b ? streq(a, b) : a == b;
}

static inline bool isempty(const char *s)
{
        return !s || !*s;
}

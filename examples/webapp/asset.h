/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* A static file, embedded by embed.py. */
typedef struct Asset {
        const char *path;
        const char *content_type;
        size_t len;
        const unsigned char *content;
} Asset;

/* Terminated by an entry without path. */
extern const Asset assets[];

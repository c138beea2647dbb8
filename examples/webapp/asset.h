/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* A file of the page, compiled in by embed.py. */
typedef struct Asset {
        const char *path;
        const char *content_type;
        size_t len;
        const unsigned char *content;
} Asset;

/* Ends with one that has no path. */
extern const Asset assets[];

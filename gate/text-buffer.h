/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A growing text, wiped when it is freed or moved. After a failed allocation it stays empty. */
typedef struct TextBuffer {
        char *s; /* not NUL-terminated */
        size_t len;
        size_t size;
        bool failed; /* out of memory */
} TextBuffer;

void text_buffer_append(TextBuffer *buffer, const char *s, size_t len);
_printf_(2, 3) void text_buffer_printf(TextBuffer *buffer, const char *format, ...);

/* Appends a JSON string. */
void text_buffer_append_json(TextBuffer *buffer, const char *s);

/* Drops the first `len` bytes. */
void text_buffer_drop(TextBuffer *buffer, size_t len);

void text_buffer_done(TextBuffer *buffer);

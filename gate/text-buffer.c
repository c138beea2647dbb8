/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>
#include <stdio.h>

#include "base/wiping-allocator.h"
#include "gate/text-buffer.h"

#define SIZE_MIN 256U

static bool text_buffer_reserve(TextBuffer *buffer, size_t len)
{
        size_t size = buffer->size ?: SIZE_MIN;
        char *s;

        if (buffer->failed)
                return false;
        if (buffer->size - buffer->len >= len)
                return true;
        while (size - buffer->len < len)
                size *= 2;
        s = wiping_realloc(buffer->s, size);
        if (!s) {
                text_buffer_done(buffer);
                buffer->failed = true;
                return false;
        }
        buffer->s = s;
        buffer->size = size;
        return true;
}

void text_buffer_append(TextBuffer *buffer, const char *s, size_t len)
{
        if (len == 0 || !text_buffer_reserve(buffer, len))
                return;
        memcpy(buffer->s + buffer->len, s, len);
        buffer->len += len;
}

void text_buffer_printf(TextBuffer *buffer, const char *format, ...)
{
        char text[512];
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        assert(n >= 0 && (size_t) n < sizeof(text));
        text_buffer_append(buffer, text, (size_t) n);
}

static void append_escape(TextBuffer *buffer, char c)
{
        if (c == '"' || c == '\\')
                text_buffer_append(buffer, (const char[]){'\\', c}, 2);
        else
                text_buffer_printf(buffer, "\\u%04x", (unsigned char) c);
}

void text_buffer_append_json(TextBuffer *buffer, const char *s)
{
        const char *begin = s;

        text_buffer_append(buffer, "\"", 1);
        for (; *s; s++) {
                if ((unsigned char) *s >= 0x20 && *s != '"' && *s != '\\')
                        continue;
                text_buffer_append(buffer, begin, (size_t) (s - begin));
                append_escape(buffer, *s);
                begin = s + 1;
        }
        text_buffer_append(buffer, begin, (size_t) (s - begin));
        text_buffer_append(buffer, "\"", 1);
}

void text_buffer_drop(TextBuffer *buffer, size_t len)
{
        if (len == 0)
                return;
        memmove(buffer->s, buffer->s + len, buffer->len - len);
        buffer->len -= len;
}

void text_buffer_done(TextBuffer *buffer)
{
        wiping_free(buffer->s);
        *buffer = (TextBuffer){};
}

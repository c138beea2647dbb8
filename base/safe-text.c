/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <wchar.h>

#include "base/safe-text.h"

/* Invisible characters and bidi controls. */
static bool is_invisible_or_bidi(wchar_t c)
{
        static const struct {
                wchar_t first, last;
        } sly[] = {
                {0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e}, {0x200b, 0x200f},
                {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xe0000, 0xe0fff},
        };

        for (size_t i = 0; i < ARRAY_SIZE(sly); i++)
                if (c >= sly[i].first && c <= sly[i].last)
                        return true;
        return false;
}

char *safe_text_new(const char *s, size_t *ret_width)
{
        size_t left = strlen(s), width = 0;
        /* An escaped byte has four characters. */
        char *copy = malloc(left * 4 + 1), *end = copy;

        if (!copy)
                return NULL;
        while (left > 0) {
                mbstate_t state = {};
                wchar_t c;
                size_t len = mbrtowc(&c, s, left, &state);
                int columns = len <= left && !is_invisible_or_bidi(c) ? wcwidth(c) : -1;

                if (*s == '\\') {
                        end = stpcpy(end, "\\\\");
                        columns = 2;
                } else if (columns >= 0)
                        end = mempcpy(end, s, len);
                else {
                        len = 1;
                        end += sprintf(end, "\\x%02x", (unsigned char) *s);
                        columns = 4;
                }
                s += len;
                left -= len;
                width += (size_t) columns;
        }
        *end = '\0';
        if (ret_width)
                *ret_width = width;
        return copy;
}

int safe_text_print_line(const char *s)
{
        _cleanup_(freep) char *text = safe_text_new(s, NULL);

        if (!text)
                return -ENOMEM;
        puts(text);
        return 0;
}

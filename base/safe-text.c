/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <wchar.h>

#include "base/safe-text.h"
#include "base/text.h"

typedef struct CharacterRange {
        uint32_t first, last;
} CharacterRange;

static bool is_in_ranges(uint32_t c, const CharacterRange *ranges, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (c >= ranges[i].first && c <= ranges[i].last)
                        return true;
        return false;
}

bool safe_text_is_invisible(uint32_t c)
{
        static const CharacterRange invisible[] = {
                {0xad, 0xad},       {0x34f, 0x34f},   {0x61c, 0x61c},     {0x115f, 0x1160},
                {0x17b4, 0x17b5},   {0x180b, 0x180f}, {0x200b, 0x200f},   {0x2028, 0x202e},
                {0x2060, 0x206f},   {0x3164, 0x3164}, {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
                {0xffa0, 0xffa0},   {0xfff0, 0xfff8}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
                {0xe0000, 0xe0fff},
        };

        return is_in_ranges(c, invisible, ARRAY_SIZE(invisible));
}

static bool is_quotation_mark(uint32_t c)
{
        static const CharacterRange marks[] = {
                {'"', '"'},       {0x2ba, 0x2ba},   {0x2dd, 0x2dd},   {0x2ee, 0x2ee},
                {0x5f4, 0x5f4},   {0x201c, 0x201f}, {0x2033, 0x2033}, {0x2036, 0x2036},
                {0x275d, 0x275e}, {0x301d, 0x301f}, {0xff02, 0xff02},
        };

        return is_in_ranges(c, marks, ARRAY_SIZE(marks));
}

bool safe_text_is_quotable(const char *s, size_t len_max)
{
        uint32_t c;

        if (!text_is_valid(s, len_max))
                return false;
        while (*s) {
                s += text_next_character(s, &c);
                if (safe_text_is_invisible(c) || is_quotation_mark(c))
                        return false;
        }
        return true;
}

static bool is_printable(wchar_t c)
{
        return !safe_text_is_invisible((uint32_t) c) && wcwidth(c) >= 0;
}

char *safe_text_new(const char *s)
{
        size_t left = strlen(s);
        /* An escaped byte has four characters. */
        char *copy = malloc(left * 4 + 1), *end = copy;

        if (!copy)
                return NULL;
        while (left > 0) {
                mbstate_t state = {};
                wchar_t c;
                size_t len = mbrtowc(&c, s, left, &state);

                if (*s == '\\')
                        end = stpcpy(end, "\\\\");
                else if (len <= left && is_printable(c))
                        end = mempcpy(end, s, len);
                else {
                        len = 1;
                        end += sprintf(end, "\\x%02x", (unsigned char) *s);
                }
                s += len;
                left -= len;
        }
        *end = '\0';
        return copy;
}

int safe_text_print_line(const char *s)
{
        _cleanup_(freep) char *text = safe_text_new(s);

        if (!text)
                return -ENOMEM;
        puts(text);
        return 0;
}

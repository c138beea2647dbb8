/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/text.h"

/* Unicode's non-characters: the bus takes them, but sd-bus neither reads nor sends them. */
static bool is_noncharacter(const unsigned char *s, size_t n)
{
        uint32_t c = n == 3 ? s[0] & 0x0f : s[0] & 0x07;

        if (n < 3)
                return false;
        for (size_t i = 1; i < n; i++)
                c = c << 6 | (s[i] & 0x3f);
        return (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

/* Length of the UTF-8 sequence at `s`, or 0 if it is not one. Overlong forms, surrogates and what
 * is beyond Unicode are not. */
static size_t decode_utf8(const unsigned char *s)
{
        unsigned char first = s[0], lowest = 0x80, highest = 0xbf;
        size_t n;

        if (first < 0x80)
                return 1;
        if (first >= 0xc2 && first <= 0xdf)
                n = 2;
        else if (first >= 0xe0 && first <= 0xef)
                n = 3;
        else if (first >= 0xf0 && first <= 0xf4)
                n = 4;
        else
                return 0;

        switch (first) {
        case 0xe0:
                lowest = 0xa0;
                break;
        case 0xed:
                highest = 0x9f;
                break;
        case 0xf0:
                lowest = 0x90;
                break;
        case 0xf4:
                highest = 0x8f;
                break;
        }
        if (s[1] < lowest || s[1] > highest)
                return 0;
        for (size_t i = 2; i < n; i++)
                if (s[i] < 0x80 || s[i] > 0xbf)
                        return 0;
        return is_noncharacter(s, n) ? 0 : n;
}

/* Length of the character at `s` if a text without lines may have it, else 0. */
static size_t decode_printable(const unsigned char *s)
{
        size_t n = decode_utf8(s);

        if (s[0] < 0x20 || s[0] == 0x7f)
                return 0;
        return n == 2 && s[0] == 0xc2 && s[1] < 0xa0 ? 0 : n; /* C1 controls */
}

size_t text_next_character(const char *s)
{
        return *s ? decode_utf8((const unsigned char *) s) : 0;
}

bool text_is_valid(const char *s, size_t len_max)
{
        size_t len = s ? strnlen(s, len_max + 1) : 0;

        if (len == 0 || len > len_max)
                return false;
        for (const unsigned char *p = (const unsigned char *) s; *p;) {
                size_t n = decode_printable(p);

                if (n == 0)
                        return false;
                p += n;
        }
        return true;
}

bool text_is_utf8(const char *s)
{
        for (const unsigned char *p = (const unsigned char *) s; *p;) {
                size_t n = decode_utf8(p);

                if (n == 0)
                        return false;
                p += n;
        }
        return true;
}

bool prose_is_valid(const char *s, size_t len_max)
{
        return s && strnlen(s, len_max + 1) <= len_max && text_is_utf8(s);
}

size_t text_cut(const char *s, size_t len_max)
{
        size_t len = strnlen(s, len_max + 1);

        if (len <= len_max)
                return len;
        /* The first byte that goes begins a character. */
        for (len = len_max; len > 0 && ((unsigned char) s[len] & 0xc0) == 0x80;)
                len--;
        return len;
}

char *text_make_valid(const char *s)
{
        char *copy = strdup(s);

        for (unsigned char *p = (unsigned char *) copy; p && *p;) {
                size_t n = decode_printable(p);

                if (n == 0)
                        *p = '?';
                p += n ?: 1;
        }
        return copy;
}

uint32_t text_parse_number(const char *s, uint32_t max)
{
        unsigned long number;
        char *end;

        if (*s < '0' || *s > '9')
                return 0;
        errno = 0;
        number = strtoul(s, &end, 10);
        return errno == 0 && *end == '\0' && number <= max ? (uint32_t) number : 0;
}

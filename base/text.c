/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

/* Unicode non-characters: D-Bus allows them, sd-bus does not. */
static bool is_noncharacter(uint32_t c)
{
        return (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

/* Not mbrtowc(): libc decodes UTF-8 only in a UTF-8 locale, which the daemon does not set. */
static size_t decode_utf8(const unsigned char *s, uint32_t *ret)
{
        static const uint32_t minimum[] = {0, 0, 0x80, 0x800, 0x10000}; /* refuses overlong forms */
        size_t n = s[0] < 0x80   ? 1
                   : s[0] < 0xc0 ? 0
                   : s[0] < 0xe0 ? 2
                   : s[0] < 0xf0 ? 3
                   : s[0] < 0xf8 ? 4
                                 : 0;
        uint32_t c = n <= 1 ? s[0] : s[0] & (0x7fU >> n);

        for (size_t i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }
        if (n == 0 || c < minimum[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ||
            is_noncharacter(c))
                return 0;
        *ret = c;
        return n;
}

/* Like decode_utf8(), but refuses control characters. */
static size_t decode_printable(const unsigned char *s)
{
        uint32_t c = 0;
        size_t n;

        /* Fast path: most texts are ASCII. */
        if (*s >= 0x20 && *s < 0x7f)
                return 1;
        n = decode_utf8(s, &c);
        return c < 0x20 || (c >= 0x7f && c < 0xa0) ? 0 : n;
}

size_t text_next_character(const char *s, uint32_t *ret)
{
        return *s ? decode_utf8((const unsigned char *) s, ret) : 0;
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
        uint32_t c;
        size_t n;

        for (; *s; s += n) {
                n = text_next_character(s, &c);
                if (n == 0)
                        return false;
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
        /* Cut before the first byte of a sequence. */
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

char *text_format(const char *format, ...)
{
        char *text;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        return n < 0 ? NULL : text;
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

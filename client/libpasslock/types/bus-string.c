/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/types/bus-string.h"

/* Codes that no bus message may hold: half a surrogate pair, and the non-characters. */
static bool code_is_sendable(uint32_t code)
{
        if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
                return false;
        return (code & 0xfffe) != 0xfffe && !(code >= 0xfdd0 && code <= 0xfdef);
}

/* The length in bytes of the character that `s` begins with; 0 if it is not one. */
static size_t character_len(const unsigned char *s)
{
        static const uint32_t code_min[] = {0, 0, 0x80, 0x800, 0x10000};
        uint32_t code;
        size_t len;

        if (s[0] < 0x80)
                return 1;
        len = (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : (s[0] & 0xf8) == 0xf0 ? 4 : 0;
        if (len == 0)
                return 0;
        code = s[0] & (0xff >> (len + 1));
        for (size_t i = 1; i < len; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                code = code << 6 | (s[i] & 0x3f);
        }
        return code >= code_min[len] && code_is_sendable(code) ? len : 0;
}

bool bus_string_is_valid(const char *s)
{
        const unsigned char *p = (const unsigned char *) s;

        if (strnlen(s, BUS_STRING_LEN_MAX + 1) > BUS_STRING_LEN_MAX)
                return false;
        while (*p) {
                size_t len = character_len(p);

                if (len == 0)
                        return false;
                p += len;
        }
        return true;
}

bool bus_strv_is_valid(const char *const *list)
{
        for (size_t i = 0; list[i]; i++)
                if (i >= BUS_STRV_LEN_MAX || !bus_string_is_valid(list[i]))
                        return false;
        return true;
}

void bus_string_erase_and_free(char *s)
{
        if (s)
                explicit_bzero(s, strlen(s));
        free(s);
}

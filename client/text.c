/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/text.h"

/* What may lead a character of several bytes, and what its second byte may be (RFC 3629). */
static const struct {
        unsigned char lead_min, lead_max, second_min, second_max;
        size_t len;
} sequences[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

/* The length in bytes of the character that `s` begins with; 0 if it is none. */
static size_t character_len(const unsigned char *s)
{
        if (s[0] < 0x80)
                return 1;
        for (size_t i = 0; i < ARRAY_SIZE(sequences); i++) {
                size_t n = 2;

                if (s[0] < sequences[i].lead_min || s[0] > sequences[i].lead_max)
                        continue;
                if (s[1] < sequences[i].second_min || s[1] > sequences[i].second_max)
                        return 0;
                while (n < sequences[i].len && (s[n] & 0xc0) == 0x80)
                        n++;
                return n == sequences[i].len ? n : 0;
        }
        return 0;
}

bool text_is_sendable(const char *s)
{
        const unsigned char *p = (const unsigned char *) s;

        if (strnlen(s, TEXT_LEN_MAX + 1) > TEXT_LEN_MAX)
                return false;
        while (*p) {
                size_t len = character_len(p);

                if (len == 0)
                        return false;
                p += len;
        }
        return true;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/text.h"
#include "daemon/bus/dispatch/presentable.h"

/* Look-alikes of quotation marks, line separators, and Unicode's default ignorable characters:
 * direction marks, joiners, variation selectors, tags. */
static const struct {
        uint32_t first, last;
} deceptive[] = {
        {'"', '"'},       {0xad, 0xad},       {0x2ba, 0x2ba},     {0x2dd, 0x2dd},
        {0x2ee, 0x2ee},   {0x34f, 0x34f},     {0x5f4, 0x5f4},     {0x61c, 0x61c},
        {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},
        {0x201c, 0x201f}, {0x2028, 0x202e},   {0x2033, 0x2033},   {0x2036, 0x2036},
        {0x2060, 0x206f}, {0x275d, 0x275e},   {0x301d, 0x301f},   {0x3164, 0x3164},
        {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},   {0xff02, 0xff02},   {0xffa0, 0xffa0},
        {0xfff0, 0xfff8}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

/* Decodes the next character of valid UTF-8. */
static uint32_t next_character(const unsigned char **p)
{
        const unsigned char *s = *p;
        size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
        uint32_t c = n == 1 ? s[0] : s[0] & (0x7fU >> n);

        for (size_t i = 1; i < n; i++)
                c = c << 6 | (s[i] & 0x3f);
        *p = s + n;
        return c;
}

static bool is_deceptive(uint32_t c)
{
        for (size_t i = 0; i < ARRAY_SIZE(deceptive); i++)
                if (c >= deceptive[i].first && c <= deceptive[i].last)
                        return true;
        return false;
}

bool safe_text_is_quotable(const char *text, size_t len_max)
{
        if (!text_is_valid(text, len_max))
                return false;
        for (const unsigned char *p = (const unsigned char *) text; *p;)
                if (is_deceptive(next_character(&p)))
                        return false;
        return true;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/model/valid.h"

#define ALPHA_LOWER "abcdefghijklmnopqrstuvwxyz"
#define ALPHA       ALPHA_LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS      "0123456789"

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
static size_t utf8_sequence_len(const unsigned char *s)
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

bool text_is_valid(const char *s, size_t len_max)
{
        size_t len = s ? strnlen(s, len_max + 1) : 0;

        if (len == 0 || len > len_max)
                return false;
        for (const unsigned char *p = (const unsigned char *) s; *p;) {
                size_t n = utf8_sequence_len(p);

                if (n == 0)
                        return false;
                if (*p < 0x20 || *p == 0x7f)
                        return false;
                if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0) /* C1 controls */
                        return false;
                p += n;
        }
        return true;
}

static bool made_of(const char *s, const char *alphabet, size_t len_min, size_t len_max)
{
        size_t len = s ? strnlen(s, len_max + 1) : 0;

        return len >= len_min && len <= len_max && strspn(s, alphabet) == len;
}

bool user_id_is_valid(const char *s)
{
        return text_is_valid(s, 256);
}

bool username_is_valid(const char *s)
{
        return text_is_valid(s, 256);
}

bool rp_id_is_valid(const char *s)
{
        return text_is_valid(s, 253);
}

bool code_is_valid(const char *s)
{
        return text_is_valid(s, 512);
}

bool id_is_valid(const char *s)
{
        return text_is_valid(s, 512);
}

bool request_id_is_valid(const char *s)
{
        return made_of(s, ALPHA DIGITS "_-", 16, 64);
}

bool tenancy_label_is_valid(const char *s)
{
        return made_of(s, ALPHA_LOWER DIGITS "_", 1, 32);
}

bool tenancy_id_is_valid(const char *s)
{
        /* The dots would be another place in the API's URLs. */
        if (!text_is_valid(s, 256) || streq(s, ".") || streq(s, ".."))
                return false;
        for (; *s; s++)
                if (*s <= ' ' || *s > '~')
                        return false;
        return true;
}

bool user_verification_is_valid(const char *s)
{
        return s && (streq(s, "required") || streq(s, "preferred") || streq(s, "discouraged"));
}

bool mediation_is_valid(const char *s)
{
        return s && (streq(s, "required") || streq(s, "conditional"));
}

bool id_token_is_valid(const char *s)
{
        return text_is_valid(s, 8192);
}

bool email_is_valid(const char *s)
{
        const char *at;

        if (!text_is_valid(s, 254))
                return false;
        at = strchr(s, '@');
        return at && at > s && at[1] && !strchr(at + 1, '@');
}

bool purpose_is_valid(const char *s)
{
        return made_of(s, ALPHA DIGITS "._:-", 1, 64);
}

bool secret_is_valid(const char *s)
{
        return text_is_valid(s, 512);
}

bool challenge_code_is_valid(const char *s)
{
        return text_is_valid(s, 64);
}

bool metadata_is_valid(const char *s)
{
        return text_is_valid(s, 4096);
}

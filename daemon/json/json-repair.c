/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <math.h>

#include "base/text.h"
#include "daemon/json/json.h"

#define ESCAPE_LEN 6U /* of \u007f */

/* The escaped UTF-16 code unit, or -1. */
static int escaped_unit(const char *s)
{
        char digits[5] = {};

        if (s[0] != '\\' || s[1] != 'u' || strspn(s + 2, "0123456789abcdefABCDEF") < 4)
                return -1;
        memcpy(digits, s + 2, 4);
        return (int) strtol(digits, NULL, 16);
}

static bool is_first_half(int unit)
{
        return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_second_half(int unit)
{
        return unit >= 0xdc00 && unit <= 0xdfff;
}

/* These functions return the length of the consumed input. */

static size_t repair_escape(char *s, bool *changed)
{
        int unit = escaped_unit(s);

        if (unit < 0)
                return 2;
        if (is_first_half(unit) && is_second_half(escaped_unit(s + ESCAPE_LEN)))
                return 2 * ESCAPE_LEN;
        if (unit == 0 || is_first_half(unit) || is_second_half(unit)) {
                memcpy(s, "\\u007f", ESCAPE_LEN);
                *changed = true;
        }
        return ESCAPE_LEN;
}

static size_t repair_character(char *s, bool *changed)
{
        uint32_t c;
        size_t n = text_next_character(s, &c);

        if (n > 0)
                return n;
        *s = 0x7f;
        *changed = true;
        return 1;
}

/* Whether jansson refuses this number, of n characters, as too large. */
static bool overflows(const char *s, size_t n)
{
        double value;
        char *end;

        errno = 0;
        if (strcspn(s, ".eE") >= n) {
                (void) strtoll(s, NULL, 10);
                return errno == ERANGE;
        }
        value = strtod(s, &end);
        return end == s + n && (value == HUGE_VAL || value == -HUGE_VAL) && errno == ERANGE;
}

/* Any number that overflows is longer than its replacement. */
static size_t mend_number(char *s, bool *changed)
{
        size_t n = strspn(s, "+-.0123456789Ee"), n_sign = *s == '-';

        if (overflows(s, n)) {
                memset(s + n_sign, ' ', n - n_sign);
                memcpy(s + n_sign, "1e99", 4);
                *changed = true;
        }
        return n;
}

bool json_mend_numbers(char *text, size_t len)
{
        bool in_string = false, changed = false;
        size_t n;

        for (size_t i = 0; i < len; i += n) {
                n = 1;
                if (text[i] == '"')
                        in_string = !in_string;
                else if (in_string && text[i] == '\\')
                        n = 2;
                else if (!in_string && (text[i] == '-' || (text[i] >= '0' && text[i] <= '9')))
                        n = mend_number(text + i, &changed);
        }
        return changed;
}

bool json_mend_strings(char *body, size_t body_len)
{
        bool in_string = false, changed = false;
        size_t n;

        for (size_t i = 0; i < body_len; i += n) {
                n = 1;
                if (body[i] == '"')
                        in_string = !in_string;
                else if (in_string && body[i] == '\\')
                        n = repair_escape(body + i, &changed);
                else if (in_string && (unsigned char) body[i] >= 0x80)
                        n = repair_character(body + i, &changed);
        }
        return changed;
}

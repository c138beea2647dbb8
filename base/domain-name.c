/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/domain-name.h"

#define LEN_MAX 253U
#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Letters, digits and inner hyphens, 1 to 63 of them. */
static bool is_label(const char *s, size_t len)
{
        return len >= 1 && len <= 63 && s[0] != '-' && s[len - 1] != '-' &&
               strspn(s, LETTERS DIGITS "-") >= len;
}

bool domain_name_is_valid(const char *s)
{
        const char *label = s, *last;

        if (!s || strnlen(s, LEN_MAX + 1) > LEN_MAX)
                return false;
        do {
                size_t len = strcspn(label, ".");

                if (!is_label(label, len))
                        return false;
                last = label;
                label += len + 1;
        } while (label[-1]);
        return last[strspn(last, DIGITS)] != '\0';
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/secret.h"
#include "client/passlockctl/key-flaw.h"

static bool begins(const char *bytes, size_t len, const char *mark, size_t mark_len)
{
        return len >= mark_len && memcmp(bytes, mark, mark_len) == 0;
}

const char *key_flaw(const char *bytes, size_t len)
{
        if (begins(bytes, len, "\xff\xfe", 2) || begins(bytes, len, "\xfe\xff", 2) ||
            (len >= 2 && (!bytes[0] != !bytes[1])))
                return "is UTF-16 text, as some editors save it";
        if (begins(bytes, len, "\xef\xbb\xbf", 3))
                return "begins with a byte order mark, as some editors write it";
        if (len > 0 && bytes[len - 1] == '\n')
                len--;
        if (len == 0)
                return "is empty";
        if (memchr(bytes, '\n', len))
                return "has more than one line";
        if (bytes[len - 1] == '\r')
                return "ends in CR LF, as on Windows";
        if (memchr(bytes, '\0', len))
                return "has NUL bytes in it";
        for (size_t i = 0; i < len; i++)
                if (bytes[i] <= ' ' || bytes[i] > '~')
                        return "has blanks or characters in it that no key has";
        return len > SECRET_LEN_MAX ? "is too long" : NULL;
}

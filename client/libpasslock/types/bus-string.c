/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/text.h"
#include "client/libpasslock/types/bus-string.h"

bool bus_string_is_valid(const char *s)
{
        return prose_is_valid(s, BUS_STRING_LEN_MAX);
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

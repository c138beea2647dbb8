/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/strv.h"

#define WHITESPACE " \t\n\r"

char **strv_free(char **strv)
{
        for (char **s = strv; s && *s; s++)
                free(*s);
        free(strv);
        return NULL;
}

size_t strv_len(char *const *strv)
{
        size_t n = 0;

        while (strv && strv[n])
                n++;
        return n;
}

bool strv_contains(char *const *strv, const char *s)
{
        for (; strv && *strv; strv++)
                if (streq(*strv, s))
                        return true;
        return false;
}

static int strv_push_n(char ***strv, const char *s, size_t len)
{
        _cleanup_(freep) char *copy = strndup(s, len);
        size_t n = strv_len(*strv);
        char **grown;

        if (!copy)
                return -ENOMEM;
        grown = reallocarray(*strv, n + 2, sizeof(char *));
        if (!grown)
                return -ENOMEM;
        grown[n] = TAKE_PTR(copy);
        grown[n + 1] = NULL;
        *strv = grown;
        return 0;
}

int strv_push(char ***strv, const char *s)
{
        return strv_push_n(strv, s, strlen(s));
}

void strv_truncate(char **strv, size_t n)
{
        for (size_t len = strv_len(strv); len > n; len--)
                strv[len - 1] = (free(strv[len - 1]), NULL);
}

int strv_copy(char *const *strv, char ***ret)
{
        _cleanup_(strv_freep) char **copy = NULL;

        for (; strv && *strv; strv++)
                if (strv_push(&copy, *strv) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(copy);
        return 0;
}

char *strv_join(const char *const *strv)
{
        char *joined = NULL;
        size_t size;
        FILE *f = open_memstream(&joined, &size);

        if (!f)
                return NULL;
        for (size_t i = 0; strv[i]; i++)
                fprintf(f, "%s%s", i > 0 ? " " : "", strv[i]);
        if (fclose(f) == 0)
                return joined;
        free(joined);
        return NULL;
}

int strv_split(const char *s, char ***ret)
{
        _cleanup_(strv_freep) char **words = NULL;

        for (s += strspn(s, WHITESPACE); *s; s += strspn(s, WHITESPACE)) {
                size_t len = strcspn(s, WHITESPACE);

                if (strv_push_n(&words, s, len) < 0)
                        return -ENOMEM;
                s += len;
        }
        *ret = TAKE_PTR(words);
        return 0;
}

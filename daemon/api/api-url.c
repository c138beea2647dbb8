/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/api/api-url.h"

#define UNRESERVED \
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
        "abcdefghijklmnopqrstuvwxyz" \
        "0123456789-._~"

bool api_url_origin_is_valid(const char *s)
{
        size_t n_scheme;

        if (!s)
                return false;
        if (strncmp(s, "https://", 8) == 0)
                n_scheme = 8;
        else if (strncmp(s, "http://", 7) == 0)
                n_scheme = 7;
        else
                return false;
        /* A host is a name, an IPv4 address, or an IPv6 address in brackets. */
        s += n_scheme;
        return *s && s[strspn(s, UNRESERVED "[]:")] == '\0';
}

bool api_url_segment_is_valid(const char *s)
{
        if (isempty(s))
                return false;
        /* Some servers decode slashes before they resolve dots. */
        for (;;) {
                size_t len = strcspn(s, "/\\");

                if ((len == 1 || len == 2) && strncmp(s, "..", len) == 0)
                        return false;
                if (s[len] == '\0')
                        return true;
                s += len + 1;
        }
}

static char *append_encoded(char *end, const char *segment)
{
        static const char digits[] = "0123456789ABCDEF";

        for (; *segment; segment++) {
                unsigned char c = (unsigned char) *segment;

                if (strchr(UNRESERVED, c)) {
                        *end++ = (char) c;
                } else {
                        *end++ = '%';
                        *end++ = digits[c >> 4];
                        *end++ = digits[c & 0xf];
                }
        }
        return end;
}

int api_url_build(const char *base, const char *const *segments, char **ret)
{
        size_t size = strlen(base) + 1;
        char *url, *end;

        for (size_t i = 0; segments[i]; i++) {
                if (!api_url_segment_is_valid(segments[i]))
                        return -EINVAL;
                size += 1 + 3 * strlen(segments[i]);
        }
        url = malloc(size);
        if (!url)
                return -ENOMEM;

        end = stpcpy(url, base);
        for (size_t i = 0; segments[i]; i++) {
                *end++ = '/';
                end = append_encoded(end, segments[i]);
        }
        *end = '\0';
        *ret = url;
        return 0;
}

int api_url_build_query(const char *base, const char *const *segments, const char *name,
                        const char *value, char **ret)
{
        _cleanup_(freep) char *path = NULL;
        char *url, *end;
        int r;

        r = api_url_build(base, segments, &path);
        if (r < 0)
                return r;
        url = malloc(strlen(path) + strlen(name) + (value ? 3 * strlen(value) : 0) + sizeof("/?="));
        if (!url)
                return -ENOMEM;

        end = stpcpy(stpcpy(url, path), "/");
        if (value) {
                end = stpcpy(stpcpy(stpcpy(end, "?"), name), "=");
                end = append_encoded(end, value);
        }
        *end = '\0';
        *ret = url;
        return 0;
}

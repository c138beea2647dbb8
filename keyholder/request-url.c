/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "keyholder/protocol/protocol.h"
#include "keyholder/request-url.h"

#define KEY_SET_PATH "/v2/.well-known/jwks.json"

#define UNRESERVED \
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
        "abcdefghijklmnopqrstuvwxyz" \
        "0123456789-._~"
#define HEX_DIGITS "0123456789ABCDEFabcdef"

/* Length of a character, percent-encoded or not; 0 if it is invalid. */
static size_t character_len(const char *s)
{
        if (*s == '%')
                return s[1] && strchr(HEX_DIGITS, s[1]) && s[2] && strchr(HEX_DIGITS, s[2]) ? 3 : 0;
        return *s && strchr(UNRESERVED, *s) ? 1 : 0;
}

static bool is_encoded(const char *s, const char *encoded)
{
        return strncasecmp(s, encoded, strlen(encoded)) == 0;
}

static bool is_dot(const char *s)
{
        return *s == '.' || is_encoded(s, "%2e");
}

/* Some servers decode them before they resolve dots. */
static bool is_encoded_slash(const char *s)
{
        return is_encoded(s, "%2f") || is_encoded(s, "%5c");
}

/* Whether the segment has a part "." or "..". */
static bool segment_has_dots(const char *s, size_t len)
{
        size_t n_dots = 0, n_others = 0;

        for (size_t n = 0; n < len; n += character_len(s + n))
                if (is_dot(s + n)) {
                        n_dots++;
                } else if (!is_encoded_slash(s + n)) {
                        n_others++;
                } else {
                        if (n_others == 0 && (n_dots == 1 || n_dots == 2))
                                return true;
                        n_dots = n_others = 0;
                }
        return n_others == 0 && (n_dots == 1 || n_dots == 2);
}

/* Length of a run of valid characters. */
static size_t text_len(const char *s)
{
        size_t len = 0, n;

        while ((n = character_len(s + len)) > 0)
                len += n;
        return len;
}

/* NAME=VALUE, once. */
static bool query_is_valid(const char *s)
{
        size_t name_len = text_len(s);

        return name_len > 0 && s[name_len] == '=' &&
               s[name_len + 1 + text_len(s + name_len + 1)] == '\0';
}

bool request_path_is_valid(const char *path)
{
        if (path[0] != '/' || character_len(path + 1) == 0 || strlen(path) > PROTOCOL_PATH_MAX)
                return false;
        while (*path == '/') {
                size_t len = text_len(++path);
                bool is_last = path[len] != '/';

                if (segment_has_dots(path, len) || (len == 0 && !is_last))
                        return false;
                path += len;
        }
        return *path == '\0' || (*path == '?' && query_is_valid(path + 1));
}

static char *append_encoded(char *end, const char *text)
{
        for (; *text; text++)
                end += sprintf(end, strchr(UNRESERVED, *text) ? "%c" : "%%%02X",
                               (unsigned char) *text);
        return end;
}

int request_url_build(const char *endpoint, const char *tenancy_id, const char *path, char **ret)
{
        char *url, *end;

        if (!request_path_is_valid(path) || isempty(tenancy_id) || streq(tenancy_id, ".") ||
            streq(tenancy_id, ".."))
                return -EINVAL;
        url = malloc(strlen(endpoint) + 3 * strlen(tenancy_id) + strlen(path) + sizeof("/v2/"));
        if (!url)
                return -ENOMEM;
        end = append_encoded(stpcpy(stpcpy(url, endpoint), "/v2/"), tenancy_id);
        (void) stpcpy(end, path);
        *ret = url;
        return 0;
}

int request_url_build_key_set(const char *endpoint, char **ret)
{
        char *url = malloc(strlen(endpoint) + sizeof(KEY_SET_PATH));

        if (!url)
                return -ENOMEM;
        (void) stpcpy(stpcpy(url, endpoint), KEY_SET_PATH);
        *ret = url;
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <jansson.h>

#include "client/passlockctl/host/http-tag.h"

#define TAG_NAME "\"_tag\""

static const char *skip_blanks(const char *p, const char *end)
{
        while (p < end && strchr(" \t\r\n", *p) && *p)
                p++;
        return p;
}

/* `p` is at the opening quote. Returns the character after the closing one, or `end`. */
static const char *skip_string(const char *p, const char *end)
{
        for (p++; p < end && *p != '"'; p++)
                if (*p == '\\')
                        p++;
        return p < end ? p + 1 : end;
}

/* The value of the member if its name, from `p` to `after`, is _tag and the value is a string. */
static bool read_member(const char *p, const char *after, const char *end,
                        char tag[static HTTP_TAG_SIZE])
{
        const size_t name_len = strlen(TAG_NAME);
        const char *value;
        size_t len;

        if ((size_t) (after - p) != name_len || memcmp(p, TAG_NAME, name_len) != 0)
                return false;
        p = skip_blanks(after, end);
        if (p == end || *p != ':')
                return false;
        value = skip_blanks(p + 1, end);
        if (value == end || *value != '"')
                return true;
        after = skip_string(value, end);
        len = (size_t) (after - value);
        if (len >= 2 && len - 2 < HTTP_TAG_SIZE && after[-1] == '"') {
                memcpy(tag, value + 1, len - 2);
                tag[len - 2] = '\0';
        }
        return true;
}

void http_tag_of_success(const char *body, size_t len, char tag[static HTTP_TAG_SIZE])
{
        const char *end = body + len, *p = skip_blanks(body, end), *after;
        unsigned depth = 0;

        *tag = '\0';
        if (p == end || *p != '{')
                return;
        for (; p < end; p = after) {
                after = p + 1;
                if (*p == '{' || *p == '[')
                        depth++;
                else if (*p == '}' || *p == ']')
                        depth--;
                else if (*p == '"') {
                        after = skip_string(p, end);
                        if (depth == 1 && read_member(p, after, end, tag))
                                return;
                }
                if (depth == 0)
                        return;
        }
}

void http_tag_of_error(const char *body, size_t len, char tag[static HTTP_TAG_SIZE])
{
        json_t *root = json_loadb(body, len, 0, NULL);
        const char *value = json_string_value(json_object_get(root, "_tag"));

        *tag = '\0';
        if (value && strlen(value) < HTTP_TAG_SIZE)
                memcpy(tag, value, strlen(value) + 1);
        json_decref(root);
}

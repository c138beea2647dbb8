/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/json/json-text.h"

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_space(const char *s, const char *end)
{
        while (s < end && is_space(*s))
                s++;
        return s;
}

/* Returns the end of the string whose opening quote is at `s`; NULL if it is unterminated. */
static const char *skip_string(const char *s, const char *end)
{
        for (s++; s < end; s++)
                if (*s == '\\')
                        s++;
                else if (*s == '"')
                        return s + 1;
        return NULL;
}

/* Returns the end of the value; NULL if it is unterminated. */
static const char *skip_value(const char *s, const char *end)
{
        size_t depth = 0;

        while (s < end) {
                bool closes = *s == ']' || *s == '}';

                if (depth == 0 && (closes || *s == ','))
                        return s;
                if (*s == '[' || *s == '{')
                        depth++;
                else if (closes)
                        depth--;
                s = *s == '"' ? skip_string(s, end) : s + 1;
                if (!s || (closes && depth == 0))
                        return s;
        }
        return depth == 0 ? end : NULL;
}

static JsonText trim(const char *s, const char *end)
{
        while (end > s && is_space(end[-1]))
                end--;
        return (JsonText){.s = s, .len = (size_t) (end - s)};
}

/* Reads a member that begins at `s`. Returns its end, or NULL if it is malformed. */
static const char *read_member(const char *s, const char *end, JsonText *ret_key,
                               JsonText *ret_value)
{
        const char *key = skip_space(s, end), *value;

        s = key < end && *key == '"' ? skip_string(key, end) : NULL;
        if (!s)
                return NULL;
        *ret_key = (JsonText){.s = key + 1, .len = (size_t) (s - key) - 2};
        s = skip_space(s, end);
        if (s == end || *s != ':')
                return NULL;
        value = skip_space(s + 1, end);
        s = skip_value(value, end);
        if (s)
                *ret_value = trim(value, s);
        return s;
}

bool json_text_member(JsonText object, const char *name, JsonText *ret)
{
        const char *end = object.s + object.len, *s = skip_space(object.s, end);
        JsonText key, value;

        if (s == end || *s != '{')
                return false;
        do {
                s = read_member(s + 1, end, &key, &value);
                if (!s)
                        return false;
                if (key.len == strlen(name) && memcmp(key.s, name, key.len) == 0) {
                        *ret = value;
                        return true;
                }
                s = skip_space(s, end);
        } while (s < end && *s == ',');
        return false;
}

bool json_text_element(JsonText array, size_t *pos, JsonText *ret)
{
        const char *end = array.s + array.len, *s = skip_space(array.s + *pos, end), *value;

        if (s == end || *s != (*pos == 0 ? '[' : ','))
                return false;
        value = skip_space(s + 1, end);
        s = skip_value(value, end);
        if (!s || s == value)
                return false;
        *ret = trim(value, s);
        *pos = (size_t) (s - array.s);
        return true;
}

char *json_text_compact(JsonText text)
{
        const char *end = text.s + text.len;
        char *copy = malloc(text.len + 1), *to = copy;

        for (const char *s = text.s; copy && s < end;) {
                const char *next = *s == '"' ? skip_string(s, end) : s + 1;

                if (!next)
                        next = end;
                if (!is_space(*s)) {
                        memcpy(to, s, (size_t) (next - s));
                        to += next - s;
                }
                s = next;
        }
        if (to)
                *to = '\0';
        return copy;
}

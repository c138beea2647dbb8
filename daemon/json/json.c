/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/text.h"
#include "base/wiping-allocator.h"
#include "daemon/json/json.h"

/* 2^53: doubles represent all integers below it exactly. */
#define INTEGER_END 9007199254740992.0

void json_wipe_memory(void)
{
        json_set_alloc_funcs(counted_malloc, wiping_free);
}

/* Maps a failed jansson call: -ENOMEM, or `otherwise`. */
static int errno_of(const json_error_t *error, int otherwise)
{
        return json_error_code(error) == json_error_out_of_memory ? -ENOMEM : otherwise;
}

/* jansson rejects NUL in strings, invalid UTF-8, number overflow and deep nesting. When out of
 * memory, it may report a syntax error or silently drop a character. */
static int parse_object(const char *body, size_t body_len, json_t **ret)
{
        json_auto_t *root = NULL;
        unsigned n_failed = allocations_failed();
        json_error_t error;

        root = json_loadb(body, body_len, JSON_REJECT_DUPLICATES, &error);
        if (allocations_failed() != n_failed)
                return -ENOMEM;
        if (!root)
                return errno_of(&error, ERROR_MALFORMED_REPLY);
        if (!json_is_object(root))
                return ERROR_MALFORMED_REPLY;
        *ret = TAKE_PTR(root);
        return 0;
}

static int read_mended(const char *body, size_t body_len, bool strings, json_t **ret)
{
        _cleanup_(wiping_freep) char *copy = NULL;
        bool changed;
        int r;

        r = parse_object(body, body_len, ret);
        if (r != ERROR_MALFORMED_REPLY)
                return r;
        copy = counted_malloc(body_len + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, body, body_len);
        copy[body_len] = '\0';
        changed = json_mend_numbers(copy, body_len);
        changed = (strings && json_mend_strings(copy, body_len)) || changed;
        return changed ? parse_object(copy, body_len, ret) : r;
}

int json_read_object(const char *body, size_t body_len, json_t **ret)
{
        return read_mended(body, body_len, false, ret);
}

int json_read_reply(const char *body, size_t body_len, json_t **ret)
{
        return read_mended(body, body_len, true, ret);
}

bool json_has_text(const json_t *object, const char *key, const char *text)
{
        return streq_ptr(json_string_value(json_object_get(object, key)), text);
}

int json_read_text(const json_t *object, const char *key, ValidFunc is_valid, char **ret)
{
        const char *value = json_string_value(json_object_get(object, key));
        char *copy;

        if (!value || !is_valid(value))
                return ERROR_MALFORMED_REPLY;
        copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

bool json_is_absent(const json_t *value)
{
        return !value || json_is_null(value) ||
               (json_is_string(value) && json_string_length(value) == 0);
}

int json_read_optional_text(const json_t *object, const char *key, ValidFunc is_valid, char **ret)
{
        return json_is_absent(json_object_get(object, key))
                       ? 0
                       : json_read_text(object, key, is_valid, ret);
}

int json_read_label(const json_t *object, const char *key, size_t len_max, char **ret)
{
        const char *value = json_string_value(json_object_get(object, key));
        _cleanup_(freep) char *label = NULL;

        if (!value)
                return 0;
        label = strndup(value, text_cut(value, len_max));
        if (!label)
                return -ENOMEM;
        if (text_is_valid(label, len_max))
                *ret = TAKE_PTR(label);
        return 0;
}

int json_read_hint(const json_t *object, const char *key, ValidFunc is_valid, char **ret)
{
        int r = json_read_text(object, key, is_valid, ret);

        return r < 0 ? r : 0;
}

int json_read_number(const json_t *object, const char *key, uint64_t *ret)
{
        const json_t *value = json_object_get(object, key);
        double number = json_number_value(value);

        if (!json_is_number(value) || !(number >= 0 && number < INTEGER_END))
                return ERROR_MALFORMED_REPLY;
        *ret = (uint64_t) number;
        return 0;
}

int json_read_bool(const json_t *object, const char *key, bool *ret)
{
        const json_t *value = json_object_get(object, key);

        if (!json_is_boolean(value))
                return ERROR_MALFORMED_REPLY;
        *ret = json_is_true(value);
        return 0;
}

int json_print(json_t *root, const json_error_t *error, char **ret)
{
        json_auto_t *owned = root;
        char *text;

        if (!owned)
                return errno_of(error, -EINVAL);
        text = json_dumps(owned, JSON_COMPACT);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

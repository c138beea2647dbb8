/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <jansson.h>

#include "base/wiping-allocator.h"
#include "dbus/error.h"
#include "tests/unit/daemon/api/json-fields.h"
#include "tests/unit/test.h"

static json_t *child_get(json_t *parent, const char *name)
{
        return json_is_array(parent) ? json_array_get(parent, strtoul(name, NULL, 10))
                                     : json_object_get(parent, name);
}

static int child_set(json_t *parent, const char *name, json_t *value)
{
        return json_is_array(parent) ? json_array_set_new(parent, strtoul(name, NULL, 10), value)
                                     : json_object_set_new(parent, name, value);
}

static int child_delete(json_t *parent, const char *name)
{
        return json_is_array(parent) ? json_array_remove(parent, strtoul(name, NULL, 10))
                                     : json_object_del(parent, name);
}

char *reply_changed(const char *reply, const char *path, const char *value)
{
        json_auto_t *root = json_loads(reply, 0, NULL);
        _cleanup_(freep) char *names = strdup(path);
        char *name = names, *slash;
        json_t *parent = root;

        assert_non_null(root);
        while ((slash = strchr(name, '/'))) {
                *slash = '\0';
                parent = child_get(parent, name);
                assert_non_null(parent);
                name = slash + 1;
        }
        if (value) {
                json_t *changed = json_loads(value, JSON_DECODE_ANY, NULL);

                assert_non_null(changed);
                assert_int_equal(child_set(parent, name, changed), 0);
        } else {
                assert_int_equal(child_delete(parent, name), 0);
        }
        return json_dumps(root, 0);
}

int read_changed(ReadFunc read, const char *reply, const char *path, const char *value)
{
        _cleanup_(freep) char *body = reply_changed(reply, path, value);

        assert_non_null(body);
        return read(body, strlen(body));
}

char *letters(size_t len)
{
        char *text = malloc(len + 3);

        assert_non_null(text);
        memset(text, 'a', len + 2);
        text[0] = text[len + 1] = '"';
        text[len + 2] = '\0';
        return text;
}

static void assert_read(ReadFunc read, const char *reply, const Field *field, const char *value,
                        int expected)
{
        int r = read_changed(read, reply, field->path, value);

        if (r != expected)
                print_message("# %s: %.32s\n", field->path, value ? value : "(removed)");
        assert_int_equal(r, expected);
}

static void assert_string_field(ReadFunc read, const char *reply, const Field *field)
{
        static const char *const odd[] = {"\"a\\nb\"", "\"\\u007f\"", "\"\\ufffe\""};
        _cleanup_(freep) char *longest = letters(field->len_max ? field->len_max : 7);
        _cleanup_(freep) char *too_long = letters(field->len_max + 1);
        int expected = field->informs || field->prose ? 0 : ERROR_MALFORMED_REPLY;

        assert_read(read, reply, field, longest, field->len_max ? 0 : expected);
        assert_read(read, reply, field, too_long, expected);
        assert_read(read, reply, field, "\"\"", field->optional ? 0 : expected);
        for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
                assert_read(read, reply, field, odd[i], expected);
}

void assert_fields(ReadFunc read, const char *reply, const Field *fields, size_t n_fields)
{
        static const struct {
                char type;
                const char *value;
        } values[] = {
                {'s', "\"x\""}, {'n', "1"}, {'n', "1.5"}, {'b', "true"}, {'o', "{}"}, {'a', "[]"},
        };

        for (const Field *field = fields; field < fields + n_fields; field++) {
                int wrong = field->informs ? 0 : ERROR_MALFORMED_REPLY;
                int absent = field->optional ? 0 : wrong;

                assert_read(read, reply, field, NULL, absent);
                assert_read(read, reply, field, "null", absent);
                for (size_t i = 0; i < ARRAY_SIZE(values); i++)
                        if (values[i].type != field->type)
                                assert_read(read, reply, field, values[i].value, wrong);
                if (field->type == 's')
                        assert_string_field(read, reply, field);
        }
}

static unsigned n_until_failure;

static void *allocate_but_one(size_t size)
{
        if (n_until_failure-- > 0)
                return malloc(size);
        allocation_has_failed();
        return NULL;
}

void assert_survives_no_memory(ReadFunc read, const char *reply)
{
        unsigned n = 0;
        int r;

        do {
                assert_in_range(n, 0, 10000);
                n_until_failure = n++;
                json_set_alloc_funcs(allocate_but_one, free);
                r = read(reply, strlen(reply));
                json_set_alloc_funcs(malloc, free);
                assert_true(r == 0 || r == -ENOMEM);
        } while (r != 0);
        assert_true(n > 2);
}

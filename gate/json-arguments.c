/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "base/wiping-allocator.h"
#include "client/libpasslock/transport/request-id.h"
#include "client/libpasslock/types/bus-string.h"
#include "dbus/error.h"
#include "gate/json-arguments.h"
#include "gate/signature.h"

/* Error texts show the start of a member name, which the client has chosen. */
#define NAME_LEN_SHOWN 64U

/* Writes JSON values to a message; without a message, only checks them. Functions return 0,
 * ERROR_INVALID_ARGS or a negative errno. */
typedef struct Writer {
        sd_bus_message *m;
        const char *member; /* the innermost name, for the flaw */
        char *flaw;
} Writer;

static int refuse(const Writer *w, const char *expected)
{
        snprintf(w->flaw, ARGUMENTS_FLAW_SIZE, "%s: expected %s", w->member, expected);
        return ERROR_INVALID_ARGS;
}

static int result_of(int r)
{
        return r < 0 ? r : 0;
}

static int write_basic(const Writer *w, char type, const void *p)
{
        return w->m ? result_of(sd_bus_message_append_basic(w->m, type, p)) : 0;
}

static int open_container(const Writer *w, char type, const char *contents)
{
        return w->m ? result_of(sd_bus_message_open_container(w->m, type, contents)) : 0;
}

static int close_container(const Writer *w)
{
        return w->m ? result_of(sd_bus_message_close_container(w->m)) : 0;
}

static int write_string(const Writer *w, const json_t *value)
{
        const char *s = json_string_value(value);

        if (!s)
                return refuse(w, "a string");
        if (!bus_string_is_valid(s))
                return refuse(w, "at most 8192 bytes of valid characters");
        return write_basic(w, 's', s);
}

static int write_bool(const Writer *w, const json_t *value)
{
        int flag = json_is_true(value);

        return json_is_boolean(value) ? write_basic(w, 'b', &flag) : refuse(w, "true or false");
}

/* 64-bit numbers are at most 2^63 - 1: jansson refuses larger ones. */
static int write_integer(const Writer *w, char type, const json_t *value)
{
        json_int_t min = type == 'x' ? INT64_MIN : type == 'i' ? INT32_MIN : 0;
        json_int_t max = type == 'u' ? UINT32_MAX : type == 'i' ? INT32_MAX : INT64_MAX;
        json_int_t wide = json_integer_value(value);
        uint32_t narrow = (uint32_t) wide;
        bool is_narrow = type == 'u' || type == 'i';

        if (!json_is_integer(value) || wide < min || wide > max)
                return refuse(w, "an integer in the range of its type");
        return write_basic(w, type, is_narrow ? (void *) &narrow : &wide);
}

static int write_value(const Writer *w, const char *type, const GateKey *keys, const json_t *value);

static int write_array(const Writer *w, const char *type, const GateKey *keys, const json_t *value)
{
        char contents[SIGNATURE_SIZE];
        int r;

        if (!json_is_array(value))
                return refuse(w, "an array");
        signature_first(type + 1, contents);
        r = open_container(w, 'a', contents);
        for (size_t i = 0; r == 0 && i < json_array_size(value); i++)
                r = write_value(w, contents, keys, json_array_get(value, i));
        return r == 0 ? close_container(w) : r;
}

/* A structure is an array with an element for each field. */
static int write_structure(const Writer *w, const char *type, const json_t *value)
{
        char contents[SIGNATURE_SIZE], field[SIGNATURE_SIZE];
        const char *rest = contents;
        size_t n;
        int r;

        n = strlen(type);
        assert(n < SIGNATURE_SIZE);
        memcpy(contents, type + 1, n - 2);
        contents[n - 2] = '\0';
        r = json_is_array(value) ? open_container(w, 'r', contents) : refuse(w, "an array");
        for (n = 0; r == 0 && *rest; n++) {
                rest = signature_first(rest, field);
                r = n < json_array_size(value)
                            ? write_value(w, field, NULL, json_array_get(value, n))
                            : refuse(w, "more elements");
        }
        if (r == 0 && n < json_array_size(value))
                r = refuse(w, "fewer elements");
        return r == 0 ? close_container(w) : r;
}

static int write_entry(const Writer *outer, const GateKey *key, const json_t *value)
{
        Writer w = *outer;
        int r;

        w.member = key->name;
        r = open_container(&w, 'e', "sv");
        if (r == 0)
                r = write_basic(&w, 's', key->name);
        if (r == 0)
                r = open_container(&w, 'v', key->type);
        if (r == 0)
                r = write_value(&w, key->type, NULL, value);
        if (r == 0)
                r = close_container(&w);
        return r == 0 ? close_container(&w) : r;
}

static const GateKey *find_key(const GateKey *keys, const char *name)
{
        for (; keys && keys->name; keys++)
                if (streq(keys->name, name))
                        return keys;
        return NULL;
}

/* Writes the known keys of an object, and returns their number in `ret_n`. */
static int write_keys(const Writer *w, const GateKey *keys, const json_t *object, size_t *ret_n)
{
        size_t n = 0;
        int r;

        r = open_container(w, 'a', "{sv}");
        for (const GateKey *key = keys; r == 0 && key && key->name; key++) {
                const json_t *value = json_object_get(object, key->name);

                if (!value)
                        continue;
                r = write_entry(w, key, value);
                n++;
        }
        *ret_n = n;
        return r == 0 ? close_container(w) : r;
}

static int refuse_member(const Writer *w, const char *name)
{
        snprintf(w->flaw, ARGUMENTS_FLAW_SIZE, "%.*s: unknown member",
                 (int) text_cut(name, NAME_LEN_SHOWN), name);
        return ERROR_INVALID_ARGS;
}

static int write_dictionary(const Writer *w, const GateKey *keys, json_t *value)
{
        const char *name;
        json_t *ignored;
        size_t n = 0;
        int r;

        if (!json_is_object(value))
                return refuse(w, "an object");
        r = write_keys(w, keys, value, &n);
        if (r != 0 || n == json_object_size(value))
                return r;
        json_object_foreach(value, name, ignored)
                if (!find_key(keys, name))
                        return refuse_member(w, name);
        return 0;
}

static int write_value(const Writer *w, const char *type, const GateKey *keys, const json_t *value)
{
        switch (*type) {
        case 's':
                return write_string(w, value);
        case 'b':
                return write_bool(w, value);
        case 'i':
        case 'u':
        case 'x':
        case 't':
                return write_integer(w, *type, value);
        case '(':
                return write_structure(w, type, value);
        case 'a':
                return type[1] == '{' ? write_dictionary(w, keys, (json_t *) value)
                                      : write_array(w, type, keys, value);
        default:
                return -EOPNOTSUPP;
        }
}

static int write_argument(const Writer *w, const GateArgument *argument, const json_t *object,
                          size_t *n)
{
        const json_t *value;
        size_t n_keys = 0;
        int r;

        if (argument->flat) {
                r = write_keys(w, argument->keys, object, &n_keys);
                *n += n_keys;
                return r;
        }
        value = json_object_get(object, argument->name);
        if (!value) {
                snprintf(w->flaw, ARGUMENTS_FLAW_SIZE, "%s: missing", argument->name);
                return ERROR_INVALID_ARGS;
        }
        (*n)++;
        return write_value(w, argument->type, argument->keys, value);
}

static bool is_member(const GateMethod *method, const char *name)
{
        for (const GateArgument *a = method->in; a->name; a++)
                if (a->flat ? !!find_key(a->keys, name) : streq(a->name, name))
                        return true;
        return false;
}

static int write_arguments(JsonArguments *arguments, sd_bus_message *m)
{
        Writer w = {.m = m, .flaw = arguments->flaw};
        const char *name;
        json_t *ignored;
        size_t n = 0;
        int r = 0;

        for (const GateArgument *a = arguments->method->in; r == 0 && a->name; a++) {
                w.member = a->name;
                r = write_argument(&w, a, arguments->object, &n);
        }
        if (r != 0 || n == json_object_size(arguments->object))
                return r;
        json_object_foreach(arguments->object, name, ignored)
                if (!is_member(arguments->method, name))
                        return refuse_member(&w, name);
        return 0;
}

static bool takes_request_id(const GateMethod *method)
{
        for (const GateArgument *a = method->in; a->name; a++)
                if (a->flat && find_key(a->keys, REQUEST_ID_OPTION))
                        return true;
        return false;
}

static int add_request_id(JsonArguments *arguments)
{
        char request_id[REQUEST_ID_SIZE];
        int r;

        if (!takes_request_id(arguments->method) ||
            json_object_get(arguments->object, REQUEST_ID_OPTION))
                return 0;
        r = request_id_make(request_id);
        if (r < 0)
                return r;
        return json_object_set_new(arguments->object, REQUEST_ID_OPTION, json_string(request_id)) <
                               0
                       ? -ENOMEM
                       : 0;
}

/* Without the text of the error, which may quote a secret that the app then logs. */
static const char *syntax_flaw(const json_error_t *error)
{
        switch (json_error_code(error)) {
        case json_error_duplicate_key:
                return "a repeated member";
        case json_error_numeric_overflow:
                return "a number out of range";
        case json_error_null_character:
        case json_error_null_byte_in_key:
                return "a NUL character";
        case json_error_invalid_utf8:
                return "invalid UTF-8";
        case json_error_stack_overflow:
                return "too many levels";
        default:
                return "a syntax error";
        }
}

/* jansson rejects NUL in strings, invalid UTF-8, lone surrogates, number overflow and deep nesting.
 * When out of memory, it may report a syntax error. */
static int parse_object(const char *body, size_t body_len, JsonArguments *arguments)
{
        unsigned n_failed = allocations_failed();
        json_error_t error;

        arguments->object = json_loadb(body, body_len, JSON_REJECT_DUPLICATES, &error);
        if (allocations_failed() != n_failed)
                return -ENOMEM;
        if (!arguments->object)
                snprintf(arguments->flaw, ARGUMENTS_FLAW_SIZE,
                         "The body is not valid JSON: %s at byte %d", syntax_flaw(&error),
                         error.position);
        else if (!json_is_object(arguments->object))
                snprintf(arguments->flaw, ARGUMENTS_FLAW_SIZE, "The body is not a JSON object");
        return json_is_object(arguments->object) ? 0 : ERROR_INVALID_ARGS;
}

int json_arguments_parse(const char *body, size_t body_len, const GateMethod *method,
                         JsonArguments *ret)
{
        int r;

        *ret = (JsonArguments){.method = method};
        r = parse_object(body, body_len, ret);
        if (r == 0)
                r = add_request_id(ret);
        return r == 0 ? write_arguments(ret, NULL) : r;
}

int json_arguments_append(sd_bus_message *m, void *userdata)
{
        int r = write_arguments(userdata, m);

        return r > 0 ? -EINVAL : r;
}

void json_arguments_done(JsonArguments *arguments)
{
        json_decref(arguments->object);
        arguments->object = NULL;
}

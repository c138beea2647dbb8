/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "client/libpasslock/types/bus-string.h"
#include "client/libpasslock/types/options.h"

/* As the kernel's limit of a process's groups. */
#define NUMBERS_MAX ((size_t) 65536)

typedef struct NamedOption {
        char *name;
        const char *signature; /* static; selects the member below */
        char *string;
        char **strv;
        uint32_t *numbers; /* of a list */
        size_t n_numbers;
        uint64_t number;
} NamedOption;

struct passlock_options {
        NamedOption *all;
        size_t n;
};

static void option_clear(NamedOption *option)
{
        free(option->name);
        free(option->string);
        strv_free(option->strv);
        free(option->numbers);
        *option = (NamedOption){};
}

_public_ int passlock_options_new(passlock_options **ret)
{
        passlock_options *options;

        if (!ret)
                return -EINVAL;
        options = calloc(1, sizeof(passlock_options));
        if (!options)
                return -ENOMEM;
        *ret = options;
        return 0;
}

_public_ passlock_options *passlock_options_unref(passlock_options *options)
{
        if (!options)
                return NULL;
        for (size_t i = 0; i < options->n; i++)
                option_clear(&options->all[i]);
        free(options->all);
        free(options);
        return NULL;
}

static NamedOption *options_find(const passlock_options *options, const char *name)
{
        for (size_t i = 0; i < options->n; i++)
                if (streq(options->all[i].name, name))
                        return &options->all[i];
        return NULL;
}

static void options_remove(passlock_options *options, const char *name)
{
        NamedOption *option = options_find(options, name);

        if (!option)
                return;
        option_clear(option);
        *option = options->all[--options->n];
}

/* Sets an option by name, and takes ownership of its values. */
static int options_put(passlock_options *options, const char *name, NamedOption option)
{
        NamedOption *present = options_find(options, name), *grown;

        option.name = strdup(name);
        if (!option.name) {
                option_clear(&option);
                return -ENOMEM;
        }
        if (present) {
                option_clear(present);
                *present = option;
                return 0;
        }
        grown = reallocarray(options->all, options->n + 1, sizeof(NamedOption));
        if (!grown) {
                option_clear(&option);
                return -ENOMEM;
        }
        options->all = grown;
        options->all[options->n++] = option;
        return 0;
}

static int name_check(const passlock_options *options, const char *name)
{
        if (!options || !name)
                return -EINVAL;
        return bus_string_is_valid(name) ? 0 : PASSLOCK_ERROR_INVALID_ARGS;
}

static int options_set_number(passlock_options *options, const char *name, const char *signature,
                              uint64_t value)
{
        int r;

        r = name_check(options, name);
        if (r != 0)
                return r;
        return options_put(options, name, (NamedOption){.signature = signature, .number = value});
}

_public_ int passlock_options_set_string(passlock_options *options, const char *name,
                                         const char *value)
{
        NamedOption option = {.signature = "s"};
        int r;

        r = name_check(options, name);
        if (r != 0)
                return r;
        if (!value) {
                options_remove(options, name);
                return 0;
        }
        if (!bus_string_is_valid(value))
                return PASSLOCK_ERROR_INVALID_ARGS;
        option.string = strdup(value);
        return option.string ? options_put(options, name, option) : -ENOMEM;
}

_public_ int passlock_options_set_bool(passlock_options *options, const char *name, bool value)
{
        return options_set_number(options, name, "b", value);
}

_public_ int passlock_options_set_uint32(passlock_options *options, const char *name,
                                         uint32_t value)
{
        return options_set_number(options, name, "u", value);
}

_public_ int passlock_options_set_uint64(passlock_options *options, const char *name,
                                         uint64_t value)
{
        return options_set_number(options, name, "t", value);
}

_public_ int passlock_options_set_strv(passlock_options *options, const char *name,
                                       const char *const *value)
{
        NamedOption option = {.signature = "as"};
        int r;

        r = name_check(options, name);
        if (r != 0)
                return r;
        if (!value) {
                options_remove(options, name);
                return 0;
        }
        if (!bus_strv_is_valid(value))
                return PASSLOCK_ERROR_INVALID_ARGS;
        r = strv_copy((char *const *) value, &option.strv);
        return r == 0 ? options_put(options, name, option) : r;
}

_public_ int passlock_options_set_uint32_array(passlock_options *options, const char *name,
                                               const uint32_t *value, size_t n)
{
        NamedOption option = {.signature = "au", .n_numbers = n};
        int r;

        r = name_check(options, name);
        if (r != 0)
                return r;
        if (!value) {
                options_remove(options, name);
                return 0;
        }
        if (n > NUMBERS_MAX)
                return PASSLOCK_ERROR_INVALID_ARGS;
        option.numbers = calloc(n ?: 1, sizeof(uint32_t));
        if (!option.numbers)
                return -ENOMEM;
        memcpy(option.numbers, value, n * sizeof(uint32_t));
        return options_put(options, name, option);
}

static int options_copy_one(passlock_options *copy, const NamedOption *option)
{
        char *const none[] = {NULL};

        if (streq(option->signature, "s"))
                return passlock_options_set_string(copy, option->name, option->string);
        if (streq(option->signature, "as"))
                return passlock_options_set_strv(copy, option->name,
                                                 (const char *const *) (option->strv ?: none));
        if (streq(option->signature, "au"))
                return passlock_options_set_uint32_array(copy, option->name, option->numbers,
                                                         option->n_numbers);
        return options_set_number(copy, option->name, option->signature, option->number);
}

int options_copy(const passlock_options *options, passlock_options **ret)
{
        _cleanup_(passlock_options_unrefp) passlock_options *copy = NULL;
        int r;

        r = passlock_options_new(&copy);
        for (size_t i = 0; r == 0 && options && i < options->n; i++)
                r = options_copy_one(copy, &options->all[i]);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(copy);
        return 0;
}

bool options_have(const passlock_options *options, const char *name)
{
        return options && options_find(options, name);
}

static int option_append_value(const NamedOption *option, sd_bus_message *m)
{
        if (streq(option->signature, "s"))
                return sd_bus_message_append(m, "s", option->string);
        if (streq(option->signature, "as"))
                return sd_bus_message_append_strv(m, option->strv);
        if (streq(option->signature, "au"))
                return sd_bus_message_append_array(m, 'u', option->numbers,
                                                   option->n_numbers * sizeof(uint32_t));
        if (streq(option->signature, "t"))
                return sd_bus_message_append(m, "t", option->number);
        return sd_bus_message_append(m, option->signature, (uint32_t) option->number);
}

static int option_append(const NamedOption *option, sd_bus_message *m)
{
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", option->name);
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, option->signature);
        if (r >= 0)
                r = option_append_value(option, m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r;
}

int options_append(const passlock_options *options, sd_bus_message *m)
{
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        for (size_t i = 0; r >= 0 && options && i < options->n; i++)
                r = option_append(&options->all[i], m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : 0;
}

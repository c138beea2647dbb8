/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/strv.h"
#include "daemon/bus/dispatch/option.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"

static int refuse_value(const Option *option, char text[static OPTION_ERROR_SIZE])
{
        (void) snprintf(text, OPTION_ERROR_SIZE, "Invalid value of the option %s", option->name);
        return ERROR_INVALID_ARGS;
}

static int read_string(sd_bus_message *m, const Option *option, char text[static OPTION_ERROR_SIZE])
{
        const char *value;
        int r;

        r = sd_bus_message_read(m, "s", &value);
        if (r < 0)
                return r;
        if (option->is_valid && !option->is_valid(value))
                return refuse_value(option, text);
        *(const char **) option->value = value;
        return 0;
}

static int read_bool(sd_bus_message *m, const Option *option)
{
        int r, value;

        r = sd_bus_message_read(m, "b", &value);
        if (r < 0)
                return r;
        *(bool *) option->value = value;
        return 0;
}

static int read_list(sd_bus_message *m, const Option *option, char text[static OPTION_ERROR_SIZE])
{
        _cleanup_(strv_freep) char **list = NULL;
        const char *value;
        size_t n = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "s", &value)) > 0) {
                if (++n > OPTION_LIST_MAX || (option->is_valid && !option->is_valid(value)))
                        return refuse_value(option, text);
                if (strv_push(&list, value) < 0)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;
        *(char ***) option->value = TAKE_PTR(list);
        return sd_bus_message_exit_container(m);
}

static int read_numbers(sd_bus_message *m, const Option *option)
{
        OptionNumbers *numbers = option->value;
        const void *array;
        size_t size;
        int r;

        r = sd_bus_message_read_array(m, 'u', &array, &size);
        if (r >= 0)
                *numbers = (OptionNumbers){.numbers = array, .n = size / sizeof(uint32_t)};
        return r;
}

static int read_value(sd_bus_message *m, const Option *option, char text[static OPTION_ERROR_SIZE])
{
        const char *actual;
        int r;

        r = sd_bus_message_peek_type(m, NULL, &actual);
        if (r < 0)
                return r;
        if (!streq(actual, option->type)) {
                (void) snprintf(text, OPTION_ERROR_SIZE, "The option %s must have the type %s",
                                option->name, option->type);
                return ERROR_INVALID_ARGS;
        }
        r = sd_bus_message_enter_container(m, 'v', option->type);
        if (r < 0)
                return r;
        switch (*option->type) {
        case 's':
                r = read_string(m, option, text);
                break;
        case 'b':
                r = read_bool(m, option);
                break;
        case 'u':
                r = sd_bus_message_read(m, "u", (uint32_t *) option->value);
                break;
        case 't':
                r = sd_bus_message_read(m, "t", (uint64_t *) option->value);
                break;
        default:
                r = streq(option->type, "au") ? read_numbers(m, option)
                                              : read_list(m, option, text);
        }
        if (r < 0 || r == ERROR_INVALID_ARGS)
                return r;
        return sd_bus_message_exit_container(m);
}

static int read_entry(sd_bus_message *m, const Option *options, size_t n_options, uint64_t *seen,
                      char text[static OPTION_ERROR_SIZE])
{
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_options; i++) {
                if (!streq(options[i].name, name))
                        continue;
                if (*seen & (UINT64_C(1) << i)) {
                        (void) snprintf(text, OPTION_ERROR_SIZE, "Duplicate option %s", name);
                        return ERROR_INVALID_ARGS;
                }
                *seen |= UINT64_C(1) << i;
                return read_value(m, &options[i], text);
        }
        /* Quote only names that could be option names: others may have unsafe characters. */
        if (strlen(name) <= 32 && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name))
                (void) snprintf(text, OPTION_ERROR_SIZE, "Unknown option %s", name);
        else
                (void) snprintf(text, OPTION_ERROR_SIZE, "Unknown option, with an invalid name");
        return ERROR_INVALID_ARGS;
}

int options_read(sd_bus_message *m, const Option *options, size_t n_options,
                 char ret_text[static OPTION_ERROR_SIZE])
{
        uint64_t seen = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_entry(m, options, n_options, &seen, ret_text);
                if (r < 0 || r == ERROR_INVALID_ARGS)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        return r < 0 ? r : 0;
}

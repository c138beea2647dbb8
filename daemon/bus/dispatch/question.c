/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/safe-text.h"
#include "base/strv.h"
#include "daemon/bus/dispatch/message-size.h"
#include "daemon/bus/dispatch/option.h"
#include "daemon/bus/dispatch/question.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"

#define ARGUMENT_LEN_MAX 512U

/* Joins a list of strings with commas. Returns 0, ACCESS_DENIED or a negative errno. */
static int read_list(sd_bus_message *m, char **ret)
{
        _cleanup_(freep) char *joined = NULL;
        const char *text;
        size_t n = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "s", &text)) > 0) {
                _cleanup_(freep) char *before = TAKE_PTR(joined);

                if (++n > PASSKEYS_DELETE_MAX || !safe_text_is_quotable(text, ARGUMENT_LEN_MAX))
                        return ERROR_ACCESS_DENIED;
                if (asprintf(&joined, "%s%s%s", before ?: "", before ? ", " : "", text) < 0) {
                        joined = NULL;
                        return -ENOMEM;
                }
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        if (!joined)
                return ERROR_ACCESS_DENIED;
        *ret = TAKE_PTR(joined);
        return 0;
}

static int read_argument(sd_bus_message *m, char **ret)
{
        const char *text;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, NULL);
        if (r < 0)
                return r;
        if (type == 'a')
                return read_list(m, ret);
        r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;
        if (!safe_text_is_quotable(text, ARGUMENT_LEN_MAX))
                return ERROR_ACCESS_DENIED;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static int push(char ***details, const char *name, const char *value)
{
        int r = strv_push(details, name);

        return r < 0 ? r : strv_push(details, value);
}

/* The method reads the message from its beginning. */
static int rewind_message(sd_bus_message *message)
{
        return sd_bus_message_rewind(message, true) < 0 ? -ENOMEM : 0;
}

/* Returns 0, ACCESS_DENIED or -ENOMEM. */
static int check_size(sd_bus_message *message)
{
        int r = message_check_size(message, MESSAGE_BULK_MAX);

        if (rewind_message(message) < 0)
                return -ENOMEM;
        return r == 0 || r == -ENOMEM ? r : ERROR_ACCESS_DENIED;
}

/* `ret_given` tells whether the option is present. Returns 0, ACCESS_DENIED or a negative errno. */
static int push_option(char ***details, const QuestionContext *context, bool *ret_given)
{
        const char *name = context->question->option, *value = NULL;
        const Option options[] = {{name, "s", &value, NULL}};
        char text[OPTION_ERROR_SIZE];
        int r;

        *ret_given = false;
        if (!name)
                return 0;
        r = options_read(context->message, options, ARRAY_SIZE(options), text);
        if (r != 0 || !value)
                return r;
        if (!safe_text_is_quotable(value, ARGUMENT_LEN_MAX))
                return ERROR_ACCESS_DENIED;
        *ret_given = true;
        return push(details, name, value);
}

/* Arguments that cannot be shown as they are would be rejected by the daemon, too, or are meant to
 * deceive. */
static int push_arguments(char ***details, const QuestionContext *context, bool *ret_option_given)
{
        const Question *question = context->question;
        int r = 0;

        for (size_t i = 0; r == 0 && i < QUESTION_ARGUMENTS_MAX && question->arguments[i]; i++) {
                _cleanup_(freep) char *value = NULL;

                r = read_argument(context->message, &value);
                if (r == 0)
                        r = push(details, question->arguments[i], value);
        }
        if (r == 0)
                r = push_option(details, context, ret_option_given);
        if (rewind_message(context->message) < 0)
                return -ENOMEM;
        return r == 0 || r == -ENOMEM ? r : ERROR_ACCESS_DENIED;
}

static int push_message(char ***details, const QuestionContext *context, bool option_given)
{
        const Question *question = context->question;
        _cleanup_(freep) char *text = NULL;

        if (asprintf(&text, "Authentication is required to %s%s%s.", question->intent,
                     option_given ? question->option_intent : "",
                     context->label ? " (tenancy $(tenancy))" : "") < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return push(details, "polkit.message", text);
}

int question_list_details(const QuestionContext *context, char ***ret)
{
        _cleanup_(strv_freep) char **details = NULL;
        bool option_given = false;
        int r;

        r = check_size(context->message);
        if (r == 0)
                r = push(&details, "method", sd_bus_message_get_member(context->message));
        if (r == 0 && context->label)
                r = push(&details, "tenancy", context->label);
        if (r == 0 && context->label)
                r = push(&details, "tenancy_id", context->tenancy_id);
        if (r == 0)
                r = push_arguments(&details, context, &option_given);
        if (r == 0)
                r = push_message(&details, context, option_given);
        if (r == 0)
                *ret = TAKE_PTR(details);
        return r;
}

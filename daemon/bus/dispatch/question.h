/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"
#include "dbus/names.h"

#define QUESTION_ARGUMENTS_MAX 2U

/*
 * The question to polkit for a caller without a grant: may this caller, or an administrator who
 * authenticates, call the method? Methods that people use have one, methods for apps have none.
 *
 * The question quotes the arguments of the call, for the user who authenticates and for polkit
 * rules. The arguments are read from the same message that is executed if polkit authorizes the
 * call.
 */
typedef struct Question {
        const char *action; /* in the polkit policy file */
        const char *intent; /* completes "Authentication is required to …" */
        /* Names of the leading arguments, which are strings or lists of strings. */
        const char *arguments[QUESTION_ARGUMENTS_MAX];
        /* Name of a string option to quote (NULL: none), and the text appended to the intent if the
         * option is present. */
        const char *option;
        const char *option_intent;
} Question;

#define QUESTION_ACTION(name) PASSLOCK_BUS_NAME "." name

typedef struct QuestionContext {
        const Question *question;
        sd_bus_message *message;
        const char *label, *tenancy_id; /* NULL on the manager */
} QuestionContext;

/*
 * Lists the details for polkit, names and values in turn. Returns 0, -ENOMEM, or ACCESS_DENIED for
 * arguments that a prompt cannot show (control and invisible characters, quotation marks, too
 * long): the call is refused without asking polkit.
 */
int question_list_details(const QuestionContext *context, char ***ret);

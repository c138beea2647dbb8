/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/bus-internal.h"

#define QUESTION_ARGUMENTS_MAX 2U

/* The bus lets us wait for 128 answers in all. So many questions may be open about a uid. */
#define QUESTIONS_MAX 100U

/*
 * What polkit is asked about a caller who has no grant: may he, being an administrator, do this all
 * the same? Each method that is for people has one, beside it; the methods that are for apps have
 * none and are never asked about.
 *
 * The question quotes the call's arguments, for the person who is asked and for rules. They are
 * read from the message that came from the bus, which nothing changes and which is carried out if
 * the answer is yes. Were the tenancy another one by then, it would not be what was asked about,
 * and is not carried out.
 */
typedef struct Question {
        const char *action; /* of those in the policy file */
        const char *intent; /* of the person: completes "Authentication is required to …" */
        /* What the leading arguments are called in details and intent: each a text, or texts. */
        const char *arguments[QUESTION_ARGUMENTS_MAX];
        /* A text that may be among the options behind these; NULL: none matters. Then, if it is
         * there, what it adds to the intent. */
        const char *option;
        const char *option_intent;
} Question;

#define QUESTION_ACTION(name) PASSLOCK_BUS_NAME "." name

/*
 * Asks whether the request may be run, and later runs it, or fails it with ACCESS_DENIED or
 * UNKNOWN_OBJECT. Returns 0, ACCESS_DENIED, LIMITS_EXCEEDED or a negative errno.
 */
int question_ask(Request *request);

/* A question that waits for polkit's answer. */
typedef struct Asking Asking;
void asking_cancel(Asking *asking);

/* Fails with ACCESS_DENIED all requests that wait for polkit. */
void question_deny_all(Bus *bus);
